/* A plugin that is unloaded while one of its functions is patched. */
__attribute__((noinline)) long plugin_function(long number) {
    volatile long result = number * 3;
    return result;
}
