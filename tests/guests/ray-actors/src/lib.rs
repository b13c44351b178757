//! What Ray's tests of actors hold, held here; `tests/ray/TABLE.md` has the list.
//!
//! [`basics`] is `test_actor.py`, [`handles`] its tests of handles and forks, [`names`] those of names and detached actors,
//! [`failures`] `test_actor_failures.py` and all that is about death, [`retries`] `test_actor_retry_1.py` and `_2.py`, [`pool`]
//! `test_actor_pool.py`.

#![forbid(unsafe_code)]

pub mod basics;
pub mod failures;
pub mod handles;
pub mod names;
pub mod pool;
pub mod retries;

mod signal;

use cases::Case;

/// All cases.
pub const CASES: &[Case] = cases::cases![
    basics: [
        actor_init_error_propagated,
        no_args,
        custom_classes,
        random_id_generation,
        multiple_return_values,
        define_actor,
        actor_method_deletion,
        multiple_actors,
        remote_function_within_actor,
        define_actor_within_actor,
        use_actor_within_actor,
        define_actor_within_remote_function,
        use_actor_within_remote_function,
        remote_functions_not_scheduled_on_actors,
        actor_lifetime_load_balancing,
        zero_cpus_actor,
        fractional_resources,
    ],
    handles: [
        fork,
        fork_consistency,
        pickled_handle_consistency,
        nested_fork,
        garbage_collection,
        calling_put_on_actor_handle,
        pickling_actor_handle,
        pickled_actor_handle_call_in_method_twice,
        deleted_actor_no_restart,
        actor_deletion,
        remove_actor_immediately_after_creation,
    ],
    names: [
        register_and_get_named_actors,
        named_but_not_detached,
        detached_actor,
        detached_actor_cleanup,
        detached_actor_cleanup_due_to_failure,
        get_actor_no_input,
        get_actor_after_killed,
        get_actor_race_condition,
        get_actor_in_remote_workers,
    ],
    failures: [
        actor_restart,
        actor_restart_with_retry,
        actor_restart_without_task,
        caller_actor_restart,
        caller_task_reconstruction,
        multiple_actor_restart,
        wait_dead_actor,
        actor_creation_task_crash,
        pending_actor_removed_by_owner,
        kill,
        kill_actor_immediately_after_creation,
        kill_pending_actor,
        actor_killing,
        actor_scheduling,
    ],
    retries: [
        method_raise_5_times,
        method_raise_no_over_retry,
        method_no_retry_without_retry_exceptions,
        options_takes_precedence,
        method_exit_no_over_retry_max_restarts,
        exit_only_no_over_retry,
        method_raise_and_exit,
        method_raise_and_exit_no_over_retry,
        task_retries_on_dequeue,
        retry_dependent_task_on_same_actor,
        generator_method_no_retry_without_retry_exceptions,
    ],
    pool: [
        get_next,
        get_next_unordered,
        map,
        map_eager,
        map_unordered,
        pop_idle,
        push,
    ],
];

/// Cases that local mode can't do, and why.
pub const NOT_LOCAL: &[(&str, &str)] = &[];

#[wrun::main]
fn main() -> wrun::Result<()> {
    cases::main(CASES)
}

#[cfg(test)]
mod tests {
    #[test]
    fn local_mode_holds_them_too() {
        cases::run_locally(crate::CASES, crate::NOT_LOCAL);
    }
}
