//! What Ray's own tests hold about tasks, actors, `wait`, `cancel` and references, held here.
//!
//! `tests/ray/TABLE.md` names each of Ray's tests with the one here that ports it, or the reason why it does not apply.
//! Each test runs one case of the guests `ray-tasks` and `ray-actors` as a job of its own; a number is its slots.

#![forbid(unsafe_code)]

use wrun_tests::{Submit, guest, submit};

macro_rules! assert_test_exists {
    ($name:ident) => {
        #[allow(
            unused_imports,
            reason = "only to see that there is something of that name"
        )]
        use self::$name as _;
    };
}
wrun_tests::foreach_ray!(assert_test_exists);

/// A case of the guest `ray-tasks`. Those that are about what stays in the store run in a small one.
fn ray_tasks(case: &str, slots: u32) -> Submit {
    let store = match case {
        "wait::generator_refs_are_freed" => "64MiB",
        _ if case.starts_with("references::") => "12MiB",
        _ => "256MiB",
    };
    submit(guest::RAY_TASKS)
        .cpus(slots)
        .option("--object-store-memory", store)
        .arg(case)
}

/// A case of the guest `ray-actors`.
fn ray_actors(case: &str, slots: u32) -> Submit {
    submit(guest::RAY_ACTORS).cpus(slots).arg(case)
}

/// A module of tests for each of a guest's modules, and the list of all its cases.
macro_rules! ported {
    ($guest:ident as $all:ident: $($module:ident { $($case:ident: $slots:literal,)* })*) => {
        $(mod $module {
            $(
                #[test]
                fn $case() {
                    let case = concat!(stringify!($module), "::", stringify!($case));
                    super::$guest(case, $slots).run().expect_code(0);
                }
            )*
        })*

        const $all: &[&str] = &[$($(concat!(stringify!($module), "::", stringify!($case)),)*)*];
    };
}

ported! { ray_tasks as TASKS:
    basic {
        simple_serialization: 2,
        complex_serialization: 2,
        nested_functions: 2,
        putting_object_that_closes_over_object_ref: 2,
        put_get: 1,
        register_class: 2,
        defining_remote_functions: 3,
        submit_api: 2,
        many_fractional_resources: 2,
        get_multiple: 2,
        multiple_waits_and_gets: 3,
        resource_constraints: 4,
        blocking_tasks: 2,
        fair_queueing: 1,
        background_tasks: 2,
        job_id_consistency: 2,
    }
    calls {
        call_matrix: 2,
        actor_call_order: 4,
        actor_pass_by_ref_order_optimization: 4,
        call_chain: 1,
        get_with_timeout: 2,
        call_actors_indirect_through_tasks: 2,
        inline_arg_memory_corruption: 2,
        actor_large_objects: 2,
        actor_pass_by_ref: 2,
        actor_recursive: 2,
        duplicate_args: 2,
    }
    wait {
        wait_for_some: 2,
        wait_timing: 2,
        generator_ends: 2,
        generator_error_after_items: 2,
        generator_of_a_crashing_actor: 2,
        generator_of_an_actor_that_crashes_later: 2,
        generator_of_a_crashing_task: 2,
        generator_refs_are_freed: 2,
    }
    cancel {
        cancel_chain: 2,
        cancel_multiple_dependents: 2,
        single_cpu_cancel: 1,
        comprehensive: 2,
        stress: 1,
        fast: 2,
        remote_cancel: 2,
        recursive_cancel: 4,
    }
    references {
        local_refcounts: 2,
        dependency_refcounts: 2,
        actor_creation_task: 2,
        basic_pinning: 1,
        pending_task_dependency_pinning: 1,
        basic_serialized_reference: 1,
        recursive_serialized_reference: 1,
        actor_holding_serialized_reference: 1,
        worker_holding_serialized_reference: 1,
        basic_nested_ids: 1,
        recursively_nest_ids: 1,
        return_object_ref: 1,
        pass_returned_object_ref: 1,
        recursively_pass_returned_object_ref: 1,
        recursively_return_borrowed_object_ref: 1,
        borrowed_id_failure: 1,
        object_unpin: 2,
        inlined_nested_refs: 2,
        return_nested_ids: 2,
        actor_constructor_borrowed_refs: 2,
        deep_nested_refs: 2,
    }
}

ported! { ray_actors as ACTORS:
    basics {
        actor_init_error_propagated: 2,
        no_args: 2,
        custom_classes: 2,
        random_id_generation: 2,
        multiple_return_values: 2,
        define_actor: 2,
        actor_method_deletion: 2,
        multiple_actors: 2,
        remote_function_within_actor: 10,
        define_actor_within_actor: 10,
        use_actor_within_actor: 10,
        define_actor_within_remote_function: 10,
        use_actor_within_remote_function: 10,
        remote_functions_not_scheduled_on_actors: 2,
        actor_lifetime_load_balancing: 3,
        zero_cpus_actor: 1,
        fractional_resources: 2,
    }
    handles {
        fork: 1,
        fork_consistency: 1,
        pickled_handle_consistency: 1,
        nested_fork: 1,
        garbage_collection: 1,
        calling_put_on_actor_handle: 2,
        pickling_actor_handle: 2,
        pickled_actor_handle_call_in_method_twice: 2,
        deleted_actor_no_restart: 2,
        actor_deletion: 2,
        remove_actor_immediately_after_creation: 2,
    }
    names {
        register_and_get_named_actors: 2,
        named_but_not_detached: 2,
        detached_actor: 2,
        detached_actor_cleanup: 2,
        detached_actor_cleanup_due_to_failure: 2,
        get_actor_no_input: 2,
        get_actor_after_killed: 2,
        get_actor_race_condition: 4,
        get_actor_in_remote_workers: 2,
    }
    failures {
        actor_restart: 2,
        actor_restart_with_retry: 2,
        actor_restart_without_task: 2,
        caller_actor_restart: 2,
        caller_task_reconstruction: 2,
        multiple_actor_restart: 2,
        wait_dead_actor: 2,
        actor_creation_task_crash: 2,
        pending_actor_removed_by_owner: 2,
        kill: 2,
        kill_actor_immediately_after_creation: 2,
        kill_pending_actor: 2,
        actor_killing: 1,
        actor_scheduling: 2,
    }
    retries {
        method_raise_5_times: 2,
        method_raise_no_over_retry: 2,
        method_no_retry_without_retry_exceptions: 2,
        options_takes_precedence: 2,
        method_exit_no_over_retry_max_restarts: 2,
        exit_only_no_over_retry: 2,
        method_raise_and_exit: 2,
        method_raise_and_exit_no_over_retry: 2,
        task_retries_on_dequeue: 2,
        retry_dependent_task_on_same_actor: 2,
        generator_method_no_retry_without_retry_exceptions: 2,
    }
    pool {
        get_next: 4,
        get_next_unordered: 4,
        map: 4,
        map_eager: 4,
        map_unordered: 4,
        pop_idle: 4,
        push: 4,
    }
}

#[track_caller]
fn assert_complete(guest: &str, named: &[&str]) {
    let run = submit(guest).arg("list").run();
    let (mut listed, mut named) = (run.lines(), named.to_vec());
    listed.sort_unstable();
    named.sort_unstable();
    assert_eq!(listed, named);
}

/// Every case of the guests has its test.
#[test]
fn ray_has_all_cases() {
    assert_complete(guest::RAY_TASKS, TASKS);
    assert_complete(guest::RAY_ACTORS, ACTORS);
}
