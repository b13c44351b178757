//! What Ray's tests of tasks, `wait`, `cancel` and references hold, held here; `tests/ray/TABLE.md` has the list.
//!
//! Each module is one of Ray's test files ([`basic`] holds several), each case one of its tests.

#![forbid(unsafe_code)]

pub mod basic;
pub mod calls;
pub mod cancel;
pub mod references;
pub mod wait;

mod signal;

use cases::Case;

/// All cases.
pub const CASES: &[Case] = cases::cases![
    basic: [
        simple_serialization,
        complex_serialization,
        nested_functions,
        putting_object_that_closes_over_object_ref,
        put_get,
        register_class,
        defining_remote_functions,
        submit_api,
        many_fractional_resources,
        get_multiple,
        multiple_waits_and_gets,
        resource_constraints,
        blocking_tasks,
        fair_queueing,
        background_tasks,
        job_id_consistency,
    ],
    calls: [
        call_matrix,
        actor_call_order,
        actor_pass_by_ref_order_optimization,
        call_chain,
        get_with_timeout,
        call_actors_indirect_through_tasks,
        inline_arg_memory_corruption,
        actor_large_objects,
        actor_pass_by_ref,
        actor_recursive,
        duplicate_args,
    ],
    wait: [
        wait_for_some,
        wait_timing,
        generator_ends,
        generator_error_after_items,
        generator_of_a_crashing_actor,
        generator_of_an_actor_that_crashes_later,
        generator_of_a_crashing_task,
        generator_refs_are_freed,
    ],
    cancel: [
        cancel_chain,
        cancel_multiple_dependents,
        single_cpu_cancel,
        comprehensive,
        stress,
        fast,
        remote_cancel,
        recursive_cancel,
    ],
    references: [
        local_refcounts,
        dependency_refcounts,
        actor_creation_task,
        basic_pinning,
        pending_task_dependency_pinning,
        basic_serialized_reference,
        recursive_serialized_reference,
        actor_holding_serialized_reference,
        worker_holding_serialized_reference,
        basic_nested_ids,
        recursively_nest_ids,
        return_object_ref,
        pass_returned_object_ref,
        recursively_pass_returned_object_ref,
        recursively_return_borrowed_object_ref,
        borrowed_id_failure,
        object_unpin,
        inlined_nested_refs,
        return_nested_ids,
        actor_constructor_borrowed_refs,
        deep_nested_refs,
    ],
];

/// Cases that local mode can't do, and why.
pub const NOT_LOCAL: &[(&str, &str)] = &[(
    "wait::generator_of_a_crashing_task",
    "a trap would end the process",
)];

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
