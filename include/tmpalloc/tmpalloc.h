/* tmpalloc: finds temporary allocations of a program under a debugger.
 *
 * This header is the contract between the core library (libtmpalloc.so) and a debugger adapter.
 * The adapter fills a struct tmpalloc_host with primitives of its debugger, creates one session,
 * forwards command lines to tmpalloc_session_execute() and prints the text that comes back, and
 * reports breakpoint hits and process events.  Everything else happens in the core.
 *
 * Threading: a session is entered by one caller at a time.  A second thread that enters it waits
 * for up to two seconds and then gets TMPALLOC_E_BUSY; a call made from inside a primitive (an
 * inferior call that hits a breakpoint, say) gets TMPALLOC_E_BUSY at once.  An event isn't lost by
 * that.  Primitives are called on the thread that entered the session.
 *
 * Errors: functions return TMPALLOC_OK or a negative tmpalloc_status.  The library never aborts,
 * exits, prints, or changes signal handlers.
 *
 * Definition of a temporary allocation: a block that is freed by the thread that allocated it
 * after at most THRESHOLD other allocations of that thread (memray's definition; 0 is heaptrack's,
 * per thread).
 */
#ifndef TMPALLOC_TMPALLOC_H
#define TMPALLOC_TMPALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "tmpalloc/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this contract.  It grows by one whenever a struct below or the meaning of a function
 *  changes; tmpalloc_session_create() refuses a host of another version. */
#define TMPALLOC_HOST_VERSION 19

/** The process that a debugger has selected now. */
struct tmpalloc_process {
    int64_t pid;           /**< 0: there is no process (not started, exited, or a core file) */
    int32_t stopped;       /**< 1: memory and registers can be read now */
    int32_t local;         /**< 1: PID is a process of this machine, or the next one will be */
    char architecture[32]; /**< as the debugger calls it: "x86_64"; "" when unknown */
    char executable[4096]; /**< path of the main executable, without a process of the one that would
                                be started; "" when unknown */
    char core_file[4096];  /**< path of the core file that is looked at; "" when there is none */
    int32_t signal;        /**< by which it stopped, or ended; 0: by none, or it isn't known */
    int64_t target;    /**< the debugger's own number for the place where it was started or is to
                            be (an inferior, a target), which is not used again for another */
    int64_t ended_pid; /**< without a process: the last one that was there; 0: there was none, or it
                            has been told by an event */
    int32_t exit_status; /**< with which it exited, or the last one where there is none now; -1: it
                              didn't, or that isn't known */
    char refusal[128];   /**< which of the debugger's settings keeps it from tracking anything; ""
                              when none does */
};

/** A thread of the debuggee. */
struct tmpalloc_thread {
    uint64_t key;    /**< unique within the debug session, never used again, not 0 */
    int64_t tid;     /**< the system's thread id, as shown to users; it may be used again */
    int64_t pid;     /**< the thread's process */
    uint32_t number; /**< by which the debugger knows it; 0: by none */
    uint32_t group;  /**< number of its process in the debugger, where one writes GROUP.NUMBER too;
                          0: nobody does */
};

/** A file mapped into the debuggee as code.  Strings belong to the caller of the emit function. */
struct tmpalloc_module {
    const char *path;      /**< file on this machine; never NULL */
    uint64_t text_address; /**< run-time address of the file's .text section */
};

/** What the user has the debugger step over: functions to which all of this applies.  Strings
 * belong to the caller of the emit function; NULL applies to anything. */
struct tmpalloc_skip {
    const char *function;  /**< its name, or an expression that is found in it */
    const char *file;      /**< the end of its source file's path, or a pattern for that */
    const char *library;   /**< the end of the path of the file that it is in */
    int32_t is_expression; /**< 1: function is an extended regular expression */
    int32_t is_glob;       /**< 1: file is a pattern as of a shell */
};

/** Receives one module or thread; returns TMPALLOC_OK to go on. */
typedef int (*tmpalloc_emit_module)(void *emit_arg, const struct tmpalloc_module *module);
typedef int (*tmpalloc_emit_thread)(void *emit_arg, const struct tmpalloc_thread *thread);
typedef int (*tmpalloc_emit_skip)(void *emit_arg, const struct tmpalloc_skip *skip);
/** The same with a breakpoint's address. */
typedef int (*tmpalloc_emit_address)(void *emit_arg, uint64_t address);
/** The same with a pointer and what a program calls it. */
typedef int (*tmpalloc_emit_pointer)(void *emit_arg, const char *name, uint64_t value);

/** How a breakpoint is set.  TMPALLOC_LAST is a software breakpoint where the process ends, all of
 * its threads with the one that hits it: a debugger that resumes them one by one is to resume that
 * one alone. */
enum tmpalloc_breakpoint_kind { TMPALLOC_SOFTWARE = 0, TMPALLOC_HARDWARE = 1, TMPALLOC_LAST = 2 };

/** What the breakpoint that stands for a catch says at a match. */
enum tmpalloc_catch_answer {
    TMPALLOC_CATCH_PASSES = 0, /**< it is disabled or deleted, or waits for another one */
    TMPALLOC_CATCH_STOPS = 1,
    TMPALLOC_CATCH_SILENT = 2 /**< the same, and nothing is to be told */
};

/** What the debugger can do, filled by the adapter.
 *
 * Each primitive reports through its last argument: the core presets *status to TMPALLOC_E_HOST and
 * the primitive stores TMPALLOC_OK when it succeeded, TMPALLOC_E_UNSUPPORTED when this debugger or
 * target can never do it.  (A foreign-language callback that fails can return garbage, but doesn't
 * reach the store.)  NULL means that the debugger doesn't have the primitive.  `arg` is the host's
 * own.  Addresses are run-time addresses of the debuggee. */
struct tmpalloc_host {
    uint32_t version;          /**< TMPALLOC_HOST_VERSION */
    int32_t tells_breakpoints; /**< 1: TMPALLOC_EVENT_BREAKPOINTS comes before the debugger writes
                                    them to the process; what that event can't be avoided for is
                                    disabled */
    int32_t batch;           /**< 1: the debugger's command line asks for batch mode: there will be
                                  no prompt */
    int32_t expressions_map; /**< 1: set_variable and evaluate may map memory in the process, by a
                                  system call of its own: neither is called in a sandbox */
    void *arg;

    /** Fills *ret for the selected process; no process is success with pid 0. */
    void (*process)(void *arg, struct tmpalloc_process *ret, int *status);

    /** Calls emit(emit_arg, module) for each file of the selected process, in the order in which
     *  the dynamic linker searches them for symbols, the executable first. */
    void (*modules)(void *arg, tmpalloc_emit_module emit, void *emit_arg, int *status);

    /** Reads exactly size bytes.  Sizes are in bytes everywhere. */
    void (*read_memory)(void *arg, uint64_t address, void *buffer, uint64_t size, int *status);

    /** Reads registers, by name ("rsp", "pc" ...), of the thread whose breakpoint hit is being
     *  handled, else of the selected thread. */
    void (*read_registers)(void *arg, const char *const *names, uint32_t count, uint64_t *values,
                           int *status);

    /** Stores the thread of read_registers in *ret. */
    void (*current_thread)(void *arg, struct tmpalloc_thread *ret, int *status);

    /** Stores 1 in *ret when the thread with this key still exists, else 0. */
    void (*thread_alive)(void *arg, uint64_t key, int32_t *ret, int *status);

    /** Sets an enabled breakpoint that calls tmpalloc_session_breakpoint_hit() with this id, and
     *  then lets the program go on.  May be called while a hit is handled.  A hardware breakpoint
     *  that the target can't hold must fail here, not when the program goes on. */
    void (*insert_breakpoint)(void *arg, uint64_t id, uint64_t address, uint32_t kind, int *status);

    /** Enables or disables a breakpoint; may be called while a hit is handled. */
    void (*enable_breakpoint)(void *arg, uint64_t id, int32_t enabled, int *status);

    /** Deletes a breakpoint; never called while a hit is handled.  The process may be gone. */
    void (*remove_breakpoint)(void *arg, uint64_t id, int *status);

    /** Shows lines that no command asked for (without a newline at the end). */
    void (*message)(void *arg, const char *text, int *status);

    /* What the agent needs to get into a process; without these there is no agent. */

    /** Prepares the next start of the selected program: the program itself, but no shell that
     *  starts it, gets `library` in front of what is in its LD_PRELOAD, and `variable`
     *  ("NAME=VALUE") in its environment.  Both NULL: undoes that; a call without something to undo
     *  is fine.  TMPALLOC_E_UNSUPPORTED when the user's settings leave no room for it. */
    void (*preload)(void *arg, const char *library, const char *variable, int *status);

    /** Stores what an environment variable will be when the selected program is started next, cut
     *  to size bytes with the zero at its end; "" when it isn't set. */
    void (*environment)(void *arg, const char *name, char *buffer, uint64_t size, int *status);

    /** Writes exactly size bytes of data, never of code. */
    void (*write_memory)(void *arg, uint64_t address, const void *buffer, uint64_t size,
                         int *status);

    /** Calls emit(emit_arg, thread) for each thread of the stopped process, the selected one
     *  first. */
    void (*threads)(void *arg, tmpalloc_emit_thread emit, void *emit_arg, int *status);

    /** Makes read_registers, current_thread, call_function and run_to speak of this thread; key 0:
     *  of the one that the user has selected, again. */
    void (*select_thread)(void *arg, uint64_t key, int *status);

    /** Calls a function of the stopped process that takes `count` (at most 6) numbers, and stores
     *  the number that it returns.  alone: all other threads stay stopped.  A call that takes
     *  longer than timeout_ms, gets a signal or hits a breakpoint is undone and fails. */
    void (*call_function)(void *arg, uint64_t address, const uint64_t *arguments, uint32_t count,
                          int32_t alone, uint32_t timeout_ms, uint64_t *ret, int *status);

    /** Lets the process run until the thread reaches this address, where it stops silently; fails
     *  when it stops elsewhere, or after timeout_ms. */
    void (*run_to)(void *arg, uint64_t address, uint32_t timeout_ms, int *status);

    /** Calls emit(emit_arg, address) for each place of the user's breakpoints in the selected
     *  process, disabled ones included.  While call_function runs none of them is in its memory. */
    void (*breakpoints)(void *arg, tmpalloc_emit_address emit, void *emit_arg, int *status);

    /** Calls emit(emit_arg, skip) for what the user's settings have the debugger step over. */
    void (*skips)(void *arg, tmpalloc_emit_skip emit, void *emit_arg, int *status);

    /* What commands tell scripts. */

    /** Gives an unsigned number a name for the debugger's expressions: "failed" is
     *  $_tmpalloc_failed in GDB and $tmpalloc_failed in LLDB.  Needs no process; where there was
     *  one that has exited, LLDB only changes numbers that it has already. */
    void (*set_variable)(void *arg, const char *name, uint64_t number, int *status);

    /** Ends the debugger with this exit status (0 to 255), and the process as its quit command
     *  does, once the text of the command that is being executed has been shown. */
    void (*quit)(void *arg, int32_t exit_status, int *status);

    /** Selects for the user, at a stop, this thread and its innermost frame with this pc; of the
     *  inlined functions there the one that is so many further out.  The frame is then shown with
     *  its source, as the debugger does when it stops there. */
    void (*select_frame)(void *arg, uint64_t key, uint64_t pc, uint32_t inlined, int *status);

    /** Evaluates an expression in the selected frame, with no call of a function of the process: a
     *  number or a pointer is stored in *ret as it is, of an array its address. */
    void (*evaluate)(void *arg, const char *expression, uint64_t *ret, int *status);

    /** Evaluates an expression like evaluate, and calls emit(emit_arg, name, value) for each
     * pointer in the struct that it gives, those of its members in their place: of structs that are
     * up to `depth` members deep, of which bases and what is all that its struct holds don't count.
     */
    void (*pointers)(void *arg, const char *expression, uint32_t depth, tmpalloc_emit_pointer emit,
                     void *emit_arg, int *status);

    /** Sets a hardware watchpoint on 1, 2, 4 or 8 bytes, as if the user had: the program stops
     *  after each read and write of them.  There is one at a time; may be called while a hit is
     *  handled. */
    void (*insert_watchpoint)(void *arg, uint64_t address, uint32_t bytes, int *status);

    /** Ends it and stores in *hits_ret how often the program has stopped there; fails when there is
     *  none, or the user has deleted it.  May be called while a hit is handled.  The process may
     *  be gone. */
    void (*end_watchpoint)(void *arg, uint64_t *hits_ret, int *status);

    /* Catches as breakpoints of the user's; without these they are the core's alone. */

    /** Makes a breakpoint for the catch with this id, which the debugger lists and which has no
     *  place in the process: the user may give it a condition, an ignore count and commands, enable
     *  and disable it, and delete it. */
    void (*insert_catch)(void *arg, uint32_t id, int *status);

    /** Stores the number by which the user knows it; 0: the user has deleted it. */
    void (*catch_number)(void *arg, uint32_t id, uint32_t *number_ret, int *status);

    /** Asks it, while a hit is handled, whether a match is to stop the program: its condition is
     *  evaluated in the frame that select_frame would select (pc 0: in the innermost one), and its
     *  ignore count counts.  `reason` is what the thread stops for, in the debugger's words; the
     *  breakpoint's commands are executed once TMPALLOC_EVENT_STOPPED was handled. */
    void (*ask_catch)(void *arg, uint32_t id, uint64_t pc, uint32_t inlined, const char *reason,
                      uint32_t *answer_ret, int *status);

    /** Deletes it, if it is there; never called while a hit is handled. */
    void (*remove_catch)(void *arg, uint32_t id, int *status);

    /** Called about ten times a second while a command works.  Fails when the user wants it to end.
     *  text NULL: does nothing else.  Otherwise, which happens on a terminal only: shows this line
     *  in place of the one that it showed before, "" none. */
    void (*progress)(void *arg, const char *text, int *status);

    /** Stores in text[bytes], as one line, why the primitive failed that was called last; "" when
     *  that isn't known. */
    void (*reason)(void *arg, char *text, uint64_t bytes, int *status);
};

/** The place where a command's text will be shown. */
struct tmpalloc_terminal {
    uint32_t columns; /**< width in characters; 0: lines of any width */
    uint32_t rows;    /**< height in lines; 0: unknown */
    int32_t colors;   /**< 1: escape sequences for colours are welcome */
    int32_t screen;   /**< 1: a terminal, whose last column stays free; 0: a log of plain text */
};

/** An option of a command, for completion and for debuggers that parse options themselves. */
struct tmpalloc_option_info {
    const char *name;           /**< long name without dashes */
    char letter;                /**< '\0': no short form */
    const char *value;          /**< name of the value, e.g. "N"; NULL: the option takes none */
    const char *const *choices; /**< NULL-terminated accepted words; NULL: any value */
    const char *help;           /**< one line, no full stop */
};

/** A command, static data of the library. */
struct tmpalloc_command_info {
    const char *name;      /**< the word after `tmpalloc` */
    const char *arguments; /**< positional arguments as shown in the usage line; "" for none */
    const char *help;      /**< first line: summary; the rest: details */
    const struct tmpalloc_option_info *options; /**< ends with a NULL name */
    uint32_t minimum;                           /**< fewest and */
    uint32_t maximum;                           /**< most positional arguments */
    const char *const *choices; /**< NULL-terminated accepted words of the first one; NULL: any */
    int32_t repeats;            /**< 1: it only shows something, and an empty line repeats it */
};

/** Events of the debugger that concern the tracked process. */
typedef enum tmpalloc_event {
    TMPALLOC_EVENT_MODULES = 0,   /**< a process started, or a file was loaded or unloaded */
    TMPALLOC_EVENT_EXITED = 1,    /**< it exited, died, was killed or detached */
    TMPALLOC_EVENT_EXECED = 2,    /**< it replaced its program */
    TMPALLOC_EVENT_STOPPED = 3,   /**< it stopped and the user gets the prompt */
    TMPALLOC_EVENT_UNLOADING = 4, /**< files are about to be unloaded; only debuggers that can't set
                                      a breakpoint again where a file was unloaded tell it */
    TMPALLOC_EVENT_SIGNALED = 5,  /**< it stopped by a signal and the user gets the prompt */
    TMPALLOC_EVENT_BREAKPOINTS = 6 /**< the user's breakpoints have new places in it */
} tmpalloc_event;

typedef struct tmpalloc_session tmpalloc_session;

/** Version of the library, e.g. "0.1.0".  Static. */
TMPALLOC_API const char *tmpalloc_version(void);

/** The i-th command, in the order of the help text; NULL past the end.  Any thread. */
TMPALLOC_API const struct tmpalloc_command_info *tmpalloc_command(uint32_t i);

/** Creates a session for one debugger.
 *
 * The struct is copied; what it points to must live as long as the session.  Fails with
 * TMPALLOC_E_ARGUMENT for another version or a missing process, modules, read_memory or
 * read_registers primitive, and with TMPALLOC_E_NOMEM; *ret is then untouched. */
TMPALLOC_API int tmpalloc_session_create(const struct tmpalloc_host *host, tmpalloc_session **ret);

/** Frees the session.  Removes no breakpoint: call the stop command before.  NULL is allowed. */
TMPALLOC_API void tmpalloc_session_destroy(tmpalloc_session *session);

/** Executes a command line without the word `tmpalloc`, e.g. "summary -t 0".
 *
 * *text_ret is what to print: the result, or one line that explains the failure.  It belongs to
 * the session until its next tmpalloc_session_execute(), is never NULL, and ends with a newline
 * unless empty.  terminal NULL means plain text of
 * any width.  Needs no process unless the command does. */
TMPALLOC_API int tmpalloc_session_execute(tmpalloc_session *session, const char *line,
                                          const struct tmpalloc_terminal *terminal,
                                          const char **text_ret);

/** Executes start, status or summary, with their options, for a program such as an IDE.
 *
 * *text_ret is a JSON object on one line, or one line that explains the failure
 * (TMPALLOC_E_UNSUPPORTED: of another command); it belongs to the session until its next
 * tmpalloc_session_execute() or tmpalloc_session_data().  Sizes are in bytes; what is unknown or
 * doesn't apply is null or not there.  More fields may come. */
TMPALLOC_API int tmpalloc_session_data(tmpalloc_session *session, const char *line,
                                       const char **text_ret);

/** Handles the hit of breakpoint `id` by the thread that read_registers and current_thread speak
 *  of.  TMPALLOC_STOP: the program is to stop here without a word; the following
 *  TMPALLOC_EVENT_STOPPED says why.  Whatever else the answer is, it is to be resumed. */
TMPALLOC_API int tmpalloc_session_breakpoint_hit(tmpalloc_session *session, uint64_t id);

/** Tells the session what happened.  Messages for the user go through the host's message
 *  primitive.  Not to be called while a hit is handled.  TMPALLOC_E_BUSY: it is handled as soon as
 *  the session is left, in the order of enum tmpalloc_event with others that wait. */
TMPALLOC_API int tmpalloc_session_event(tmpalloc_session *session, tmpalloc_event event);

/** What call stacks allocated of which a frame ("foo at foo.c:4") matches an extended regular
 *  expression, for use in breakpoint conditions. */
typedef struct tmpalloc_amounts {
    uint64_t temporaries; /**< at the session's threshold */
    uint64_t temporary_bytes;
    uint64_t allocations; /**< temporary or not */
} tmpalloc_amounts;

/** Counts them.  Not to be called while a hit is handled.  TMPALLOC_E_ARGUMENT: the expression
 *  doesn't compile; TMPALLOC_E_STATE: nothing was recorded at that threshold.  The results are then
 *  untouched. */
TMPALLOC_API int tmpalloc_session_count(tmpalloc_session *session, const char *frame,
                                        tmpalloc_amounts *ret);

#ifdef __cplusplus
}
#endif

#endif
