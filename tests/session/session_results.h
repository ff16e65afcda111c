/* Scenes of session_calls.c about results: saved, loaded, compared, judged. */
#ifndef SESSION_RESULTS_H
#define SESSION_RESULTS_H

void a_call_is_two_stops_and_a_free_one(void);
void results_are_saved_and_loaded(void);
void saved_results_need_no_process(void);
void a_check_is_a_verdict(void);
void a_check_in_a_batch_is_the_exit_status(void);
void what_start_suppresses_no_report_shows(void);

#endif
