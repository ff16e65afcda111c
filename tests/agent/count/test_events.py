"""What many threads count at once; .ci/run has it run under the thread sanitizer, too."""


def test_threads_count_every_event_once_while_tracking_is_started_anew(driver):
    done = driver("events_threads")
    assert done.returncode == 0, done.stdout + done.stderr
