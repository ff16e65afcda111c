/* A library whose function has a frame of FRAME bytes; other sizes give code of the same length. */
static __thread int calls;

int plugin_call(int (*callback)(int), int argument);

int plugin_call(int (*callback)(int), int argument) {
    volatile char frame[FRAME];
    frame[0] = (char)argument;
    frame[FRAME - 1] = 1;
    calls++;
    int result = callback(argument);
    return result + frame[0] + frame[FRAME - 1];
}
