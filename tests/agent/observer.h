/* What a program under test can ask of the preloaded observer. */
#ifdef __cplusplus
extern "C" {
#endif

void observe_begins(void);           /* tracking starts, after the two below if need be */
void observe_ends(void);             /* tracking stops; memory goes to $OBSERVER_DUMP */
void observe_dump(const char *path); /* memory goes to a file */
void observe_only(long tid);         /* only this thread counts, from the next start on */

/* As a debugger does it, by writing to the agent's image. */
void observe_starts(void);
void observe_stops(void);
void observe_resets(void);

/* These do nothing where the agent was preloaded. */
void observe_loads(void);      /* loads the agent */
int observe_installs(void);    /* hooks the process; its status */
void observe_uninstalls(void); /* observe_ends() does it, too */

#ifdef __cplusplus
}
#endif
