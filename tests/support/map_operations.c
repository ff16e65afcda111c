/* Performs map operations from standard input and prints each answer on a line.
 *
 *     p KEY VALUE   put           -> the count
 *     g KEY         get           -> the value, or "-"
 *     r KEY         remove        -> 1 or 0
 *     c             clear         -> the count
 */
#include <inttypes.h>
#include <stdio.h>

#include "support/map.h"
#include "support/memory.h"

static int perform(struct map *map, const char *line) {
    uint64_t key = 0, value = 0;
    sscanf(line + 1, "%" SCNu64 " %" SCNu64, &key, &value);
    switch (line[0]) {
    case 'p':
        if (map_put(map, key, value))
            return -1;
        return printf("%zu\n", map->count);
    case 'g':
        return map_get(map, key, &value) ? printf("%" PRIu64 "\n", value) : printf("-\n");
    case 'r':
        return printf("%d\n", map_remove(map, key));
    case 'c':
        map_clear(map);
        return printf("%zu\n", map->count);
    default:
        return -1;
    }
}

int main(void) {
    char line[128];
    struct map map;
    map_init(&map);
    while (fgets(line, sizeof line, stdin)) {
        if (perform(&map, line) < 0)
            return 1;
    }
    map_deinit(&map);
    return memory_in_use() != 0;
}
