//! One case for each rule of how tasks, actors and refs behave; `tests/semantics.rs` says which rule each case holds.
//!
//! A module for each rule: [`calls`] (1), [`waiting`] (2), [`slots`] (3), [`errors`] (4), [`retries`] (5), [`actors`] (6),
//! [`references`] (7), [`cancelling`] (8), [`pressure`] (9), [`results`] (10). The tasks they share are in `tasks`.

#![forbid(unsafe_code)]

pub mod actors;
pub mod calls;
pub mod cancelling;
pub mod errors;
pub mod pressure;
pub mod references;
pub mod results;
pub mod retries;
pub mod slots;
pub mod waiting;

mod tasks;

use cases::Case;

/// All cases.
pub const CASES: &[Case] = cases::cases![
    calls: [
        a_call_returns_its_ref_at_once,
        a_task_waits_for_its_arguments,
        a_ref_inside_a_value_stays_a_ref,
        constructors_and_methods_get_values_for_refs,
        a_waiting_task_holds_no_slot,
        a_plain_call_is_a_plain_call,
        borrowed_arguments_are_sent,
        large_arguments_are_sent,
        nothing_is_captured,
    ],
    waiting: [
        get_gives_values_in_order,
        get_gives_up_after_its_timeout,
        get_with_no_time_answers_at_once,
        get_gives_the_first_error_without_the_rest,
        what_can_never_run_fails_at_once,
        what_can_never_fit_fails_at_once,
        wait_keeps_the_order,
        wait_gives_at_most_what_it_is_asked_for,
        wait_gives_fewer_after_its_timeout,
        wait_counts_errors_as_ready,
        wait_refuses_duplicates,
        wait_refuses_impossible_numbers,
        wait_for_nothing_is_nothing,
        results_as_they_complete,
        many_refs_in_one_wait,
    ],
    slots: [
        who_waits_in_get_gives_its_slot_back,
        who_waits_in_wait_gives_its_slot_back,
        a_method_that_waits_gives_its_slot_back,
        a_sleeping_task_keeps_its_slot,
        idle_actors_hold_no_slots,
        halves_of_slots_share_one,
        two_slots_at_once_exclude_others,
        no_slots_at_all_need_none,
        deep_nesting_on_one_slot,
    ],
    errors: [
        an_error_tells_where_it_came_from,
        a_panic_tells_its_place,
        a_trap_has_a_backtrace,
        endless_recursion_is_a_trap,
        too_much_memory_is_an_error,
        a_timeout_ends_a_sleeping_task,
        a_timeout_ends_a_running_task,
        dependents_fail_without_running,
        an_error_passes_through_many_tasks,
        an_error_of_a_child_can_be_handled,
        arguments_of_another_type_are_refused,
        a_failed_task_leaves_the_others_alone,
    ],
    retries: [
        errors_are_retried_when_asked,
        errors_are_not_retried_by_default,
        retries_come_to_an_end,
        panics_are_retried_when_asked,
        a_cancelled_task_is_not_retried,
        dependents_see_the_last_attempt,
    ],
    actors: [
        an_actor_keeps_its_state,
        calls_of_one_caller_keep_their_order,
        a_call_that_waits_holds_back_the_next,
        methods_run_one_at_a_time,
        actors_run_side_by_side,
        an_error_leaves_the_actor_alive,
        a_trap_kills_the_actor,
        a_panic_kills_the_actor,
        a_restart_runs_the_constructor_again,
        restarts_come_to_an_end,
        a_call_after_a_kill_is_not_served_by_the_old_life,
        a_constructor_that_fails_shows_in_the_calls,
        handles_go_to_tasks,
        handles_go_inside_values,
        an_actor_knows_itself,
        kill_is_at_once,
        kill_fails_what_waits,
        terminate_lets_pending_calls_finish,
        the_last_handle_gone_ends_the_actor,
        a_handle_in_a_task_keeps_the_actor,
        named_actors_are_found,
        a_taken_name_is_refused,
        a_name_is_free_after_death,
        detached_actors_stay,
        too_many_pending_calls_are_refused,
        an_actor_may_call_another,
        the_pool_spreads_calls,
    ],
    references: [
        a_stored_value_keeps_what_is_in_it,
        a_task_may_return_refs_of_others,
        a_queued_task_keeps_its_arguments,
        an_actor_keeps_refs_in_its_state,
        refs_pass_through_many_hands,
        dropped_objects_make_room,
    ],
    cancelling: [
        a_queued_task_never_starts,
        a_sleeping_task_is_interrupted,
        a_running_task_is_interrupted,
        a_waiting_task_is_interrupted,
        children_are_cancelled_too,
        a_finished_task_stays_as_it_is,
        dependents_of_the_cancelled_fail,
        a_queued_method_never_starts,
        a_stream_is_cancelled,
    ],
    pressure: [
        a_caller_far_ahead_is_slowed_down,
        a_flooded_actor_serves_all,
        an_unread_stream_is_slowed_down,
    ],
    results: [
        put_and_get,
        several_results,
        several_results_of_a_failed_task,
        a_stream_arrives_as_it_is_made,
        a_stream_that_fails_gives_what_came_before,
        an_empty_stream_ends,
        a_method_may_stream,
        a_call_for_each_item,
        the_context_tells_where_it_is,
    ],
];

/// Cases that local mode can't do, and why.
pub const NOT_LOCAL: &[(&str, &str)] = &[
    (
        "errors::a_trap_has_a_backtrace",
        "a trap would end the process",
    ),
    (
        "errors::endless_recursion_is_a_trap",
        "a trap would end the process",
    ),
    (
        "actors::a_trap_kills_the_actor",
        "a trap would end the process",
    ),
    (
        "errors::too_much_memory_is_an_error",
        "threads have no memory limit of their own",
    ),
    (
        "waiting::what_can_never_fit_fails_at_once",
        "threads have no memory limit of their own",
    ),
    (
        "errors::a_timeout_ends_a_running_task",
        "a running thread can't be stopped",
    ),
    (
        "cancelling::a_running_task_is_interrupted",
        "a running thread can't be stopped",
    ),
    (
        "calls::nothing_is_captured",
        "threads share the globals of the process",
    ),
    (
        "references::dropped_objects_make_room",
        "there is no limit to the store",
    ),
];

#[wrun::main]
fn main() -> wrun::Result<()> {
    cases::main(CASES)
}

#[cfg(test)]
mod tests {
    #[test]
    fn local_mode_has_the_same_semantics() {
        cases::run_locally(crate::CASES, crate::NOT_LOCAL);
    }
}
