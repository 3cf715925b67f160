/* nosync.c: LD_PRELOAD for "with fdatasync stubbed out by the bench": what is left is the way itself. */
int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

int fsync(int fd)
{
    (void)fd;
    return 0;
}
