/* What a program under test can ask of the preloaded observer. */
void observe_begins(void);           /* tracking starts */
void observe_ends(void);             /* tracking stops; memory goes to $OBSERVER_DUMP */
void observe_dump(const char *path); /* memory goes to a file */
