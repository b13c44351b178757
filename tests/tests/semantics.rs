//! How tasks, actors and refs behave, rule by rule: `semantics_01` to `semantics_11` are the eleven rules of the design.
//!
//! Each test runs one case of the guest `semantics` as a job of its own, most of them on two slots. The rules in one line
//! each stand at the modules; what exactly is held is in the guest, in a module for each rule.

#![forbid(unsafe_code)]

use wrun_tests::{Run, Submit, guest, submit};

macro_rules! assert_test_exists {
    ($name:ident) => {
        #[allow(
            unused_imports,
            reason = "only to see that there is something of that name"
        )]
        use self::$name as _;
    };
}
wrun_tests::foreach_semantics!(assert_test_exists);

/// A case of the guest `semantics`.
fn semantics(case: &str, slots: u32) -> Submit {
    submit(guest::SEMANTICS).cpus(slots).arg(case)
}

fn check(run: &Run) {
    run.expect_code(0);
}

/// A module for each rule, a test for each case, and a list of all cases. A case runs on each of the numbers of slots;
/// without any, its test is written out by hand.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident in $module:ident { $($case:ident: $slots:tt,)* })*) => {
        $($(#[$doc])* mod $rule {
            $(rules!(@test $module $case $slots);)*
        })*

        const ALL: &[&str] = &[$($(concat!(stringify!($module), "::", stringify!($case)),)*)*];
    };
    (@test $module:ident $case:ident []) => {};
    (@test $module:ident $case:ident [$($slots:literal),*]) => {
        #[test]
        fn $case() {
            for slots in [$($slots),*] {
                let case = concat!(stringify!($module), "::", stringify!($case));
                super::check(&super::semantics(case, slots).run());
            }
        }
    };
}

rules! {
    /// A call returns its ref at once and starts when its arguments are ready and a slot is free.
    semantics_01 in calls {
        a_call_returns_its_ref_at_once: [2],
        a_task_waits_for_its_arguments: [2],
        a_ref_inside_a_value_stays_a_ref: [3],
        constructors_and_methods_get_values_for_refs: [2],
        a_waiting_task_holds_no_slot: [2],
        a_plain_call_is_a_plain_call: [1],
        borrowed_arguments_are_sent: [2],
        large_arguments_are_sent: [2],
        nothing_is_captured: [2],
    }

    /// What `get` and `wait` give; what can never run fails at once.
    semantics_02 in waiting {
        get_gives_values_in_order: [3],
        get_gives_up_after_its_timeout: [2],
        get_with_no_time_answers_at_once: [2],
        get_gives_the_first_error_without_the_rest: [3],
        what_can_never_run_fails_at_once: [2],
        what_can_never_fit_fails_at_once: [2],
        wait_keeps_the_order: [5],
        wait_gives_at_most_what_it_is_asked_for: [2],
        wait_gives_fewer_after_its_timeout: [3],
        wait_counts_errors_as_ready: [2],
        wait_refuses_duplicates: [2],
        wait_refuses_impossible_numbers: [2],
        wait_for_nothing_is_nothing: [2],
        results_as_they_complete: [3],
        many_refs_in_one_wait: [2],
    }

    /// Who runs or sleeps holds its slot; who waits in `get` or `wait` gives it back; idle actors hold none.
    semantics_03 in slots {
        who_waits_in_get_gives_its_slot_back: [1, 2],
        who_waits_in_wait_gives_its_slot_back: [1, 2],
        a_method_that_waits_gives_its_slot_back: [1, 2],
        a_sleeping_task_keeps_its_slot: [1, 4],
        idle_actors_hold_no_slots: [1, 2],
        halves_of_slots_share_one: [1, 2],
        two_slots_at_once_exclude_others: [1, 2],
        no_slots_at_all_need_none: [1],
        deep_nesting_on_one_slot: [1],
    }

    /// An error becomes the object, tells where it came from, and passes to what depends on it.
    semantics_04 in errors {
        an_error_tells_where_it_came_from: [2],
        a_panic_tells_its_place: [2],
        a_trap_has_a_backtrace: [2],
        endless_recursion_is_a_trap: [2],
        too_much_memory_is_an_error: [2],
        a_timeout_ends_a_sleeping_task: [2],
        a_timeout_ends_a_running_task: [2],
        dependents_fail_without_running: [2],
        an_error_passes_through_many_tasks: [2],
        an_error_of_a_child_can_be_handled: [1, 2],
        arguments_of_another_type_are_refused: [2],
        a_failed_task_leaves_the_others_alone: [2],
    }

    /// What is retried, and how often.
    semantics_05 in retries {
        errors_are_retried_when_asked: [2],
        errors_are_not_retried_by_default: [2],
        retries_come_to_an_end: [2],
        panics_are_retried_when_asked: [2],
        a_cancelled_task_is_not_retried: [2],
        dependents_see_the_last_attempt: [2],
    }

    /// An actor's state, the order of its calls, its death and its names.
    semantics_06 in actors {
        an_actor_keeps_its_state: [1, 2],
        calls_of_one_caller_keep_their_order: [2],
        a_call_that_waits_holds_back_the_next: [2],
        methods_run_one_at_a_time: [4],
        actors_run_side_by_side: [4],
        an_error_leaves_the_actor_alive: [2],
        a_trap_kills_the_actor: [2],
        a_panic_kills_the_actor: [2],
        a_restart_runs_the_constructor_again: [2],
        restarts_come_to_an_end: [2],
        a_call_after_a_kill_is_not_served_by_the_old_life: [2],
        a_constructor_that_fails_shows_in_the_calls: [2],
        handles_go_to_tasks: [1, 4],
        handles_go_inside_values: [2],
        an_actor_knows_itself: [2],
        kill_is_at_once: [2],
        kill_fails_what_waits: [2],
        terminate_lets_pending_calls_finish: [2],
        the_last_handle_gone_ends_the_actor: [2],
        a_handle_in_a_task_keeps_the_actor: [2],
        named_actors_are_found: [2],
        a_taken_name_is_refused: [2],
        a_name_is_free_after_death: [2],
        detached_actors_stay: [2],
        too_many_pending_calls_are_refused: [2],
        an_actor_may_call_another: [1, 2],
        the_pool_spreads_calls: [3],
    }

    /// An object lives as long as somebody can get at it, and no longer.
    semantics_07 in references {
        a_stored_value_keeps_what_is_in_it: [2],
        a_task_may_return_refs_of_others: [2],
        a_queued_task_keeps_its_arguments: [2],
        an_actor_keeps_refs_in_its_state: [2],
        refs_pass_through_many_hands: [1, 2],
        dropped_objects_make_room: [],
    }

    /// A cancelled call does not start, or ends within one tick, and so do the calls it made.
    semantics_08 in cancelling {
        a_queued_task_never_starts: [2],
        a_sleeping_task_is_interrupted: [2],
        a_running_task_is_interrupted: [2],
        a_waiting_task_is_interrupted: [3],
        children_are_cancelled_too: [3],
        a_finished_task_stays_as_it_is: [2],
        dependents_of_the_cancelled_fail: [2],
        a_queued_method_never_starts: [2],
        a_stream_is_cancelled: [2],
    }

    /// A caller that gets too far ahead is suspended until there is room.
    semantics_09 in pressure {
        a_caller_far_ahead_is_slowed_down: [],
        a_flooded_actor_serves_all: [1, 2],
        an_unread_stream_is_slowed_down: [2],
    }

    /// `put`, several results, and results as they come.
    semantics_10 in results {
        put_and_get: [2],
        several_results: [2],
        several_results_of_a_failed_task: [2],
        a_stream_arrives_as_it_is_made: [2],
        a_stream_that_fails_gives_what_came_before: [2],
        an_empty_stream_ends: [2],
        a_method_may_stream: [2],
        a_call_for_each_item: [2],
        the_context_tells_where_it_is: [2],
    }
}

#[test]
fn semantics_07_dropped_objects_make_room() {
    check(
        &semantics("references::dropped_objects_make_room", 2)
            .option("--object-store-memory", "64MiB")
            .run(),
    );
}

#[test]
fn semantics_09_a_caller_far_ahead_is_slowed_down() {
    let run = semantics("pressure::a_caller_far_ahead_is_slowed_down", 2).run();
    check(&run);
    assert!(run.peak_memory < 512 << 20, "{} MiB", run.peak_memory >> 20);
}

#[test]
fn semantics_11_a_module_without_exports_is_a_job() {
    let run = submit(guest::WASI_COMMAND).arg("7").run();
    run.expect_code(7);
    assert!(
        run.stdout.starts_with("arguments: [\"7\"]\n"),
        "{}",
        run.stdout
    );
}

/// Every case of the guest has its test.
#[test]
fn semantics_has_all_cases() {
    let run = submit(guest::SEMANTICS).arg("list").run();
    let mut listed = run.lines();
    let mut named = ALL.to_vec();
    listed.sort_unstable();
    named.sort_unstable();
    assert_eq!(listed, named);
}
