/* fuzz_config.c: libFuzzer target for the configuration (YAML layer, parts, record).
 *
 * Held: a text is either refused with a problem or read; what is read, read again from its record, gives
 * the same record and as many rules. The file system is not touched (CONFIG_RECORDED). */
#include "router/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 itself loses some bytes of a quoted key that it refuses; nothing of ours. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

#define HOLD(what)                                                                                 \
    do {                                                                                           \
        if (!(what))                                                                               \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problems problems = {0};
    struct config *config = NULL, *again = NULL;
    int result = config_parse(&config, (const char *)data, size, "fuzz.yaml", "/nowhere",
                              CONFIG_RECORDED, &problems);
    HOLD((result == 0) == (problems.n == 0) && (result == 0) == (config != NULL));
    for (int i = 0; i < problems.n; i++) {
        HOLD(problems.list[i].text && *problems.list[i].text);
        HOLD(!strchr(problems.list[i].message, '\n') && !strchr(problems.list[i].suggestion, '\n'));
    }
    if (config) {
        result = config_parse(&again, config->text, strlen(config->text), "fuzz.yaml", "/nowhere",
                              CONFIG_RECORDED, &problems);
        HOLD(result == 0);
        HOLD(again->policy->n_rules == config->policy->n_rules);
        HOLD(strcmp(again->text, config->text) == 0);
    }
    config_free(again);
    config_free(config);
    problems_clear(&problems);
    return 0;
}
