/* nothing.c: the static program that only exits: what any program costs from exec to exit. */
int main(void)
{
    return 0;
}
