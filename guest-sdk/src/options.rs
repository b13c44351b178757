//! The setters of call options, written once and put into each builder that has them.
//!
//! A builder is any type with a function `__wrun_set(self, impl FnOnce(&mut CallOptions)) -> Self`. Tasks, actors and
//! methods each have the options that mean something to them.

/// Slots in the unit of the ABI. Negative and absurd numbers become the nearest one that can be sent; the host refuses
/// what can never run.
#[doc(hidden)]
#[must_use]
pub fn slots(slots: f64) -> u32 {
    let units = (slots * f64::from(wrun_abi::SLOT))
        .round()
        .clamp(0.0, f64::from(u32::MAX));
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what a u32 holds"
    )]
    let units = units as u32;
    units
}

/// Setters for the named options.
#[doc(hidden)]
#[macro_export]
macro_rules! __option {
    ([$($vis:tt)*] max_retries) => {
        /// Runs again this often after system failures; `wrun::FOREVER` without end.
        #[must_use]
        $($vis)* fn max_retries(self, times: u32) -> Self {
            self.__wrun_set(|options| options.max_retries = ::core::option::Option::Some(times))
        }
    };
    ([$($vis:tt)*] retry_errors) => {
        /// Retries also after the program's own errors.
        #[must_use]
        $($vis)* fn retry_errors(self, retry: bool) -> Self {
            self.__wrun_set(|options| options.retry_errors = ::core::option::Option::Some(retry))
        }
    };
    ([$($vis:tt)*] timeout) => {
        /// Limits the time of one attempt, counted from its start.
        #[must_use]
        $($vis)* fn timeout(self, limit: ::core::time::Duration) -> Self {
            self.__wrun_set(|options| options.timeout = ::core::option::Option::Some(limit))
        }
    };
    ([$($vis:tt)*] num_cpus) => {
        /// How many slots it holds while it runs; fractions are allowed.
        #[must_use]
        $($vis)* fn num_cpus(self, slots: impl ::core::convert::Into<f64>) -> Self {
            let slots = $crate::__private::slots(slots.into());
            self.__wrun_set(|options| options.num_cpus = ::core::option::Option::Some(slots))
        }
    };
    ([$($vis:tt)*] name) => {
        /// The name that logs, errors and the dashboard show. An actor is registered under it.
        #[must_use]
        $($vis)* fn name(self, name: impl ::core::convert::Into<::std::string::String>) -> Self {
            let name = name.into();
            self.__wrun_set(|options| options.name = ::core::option::Option::Some(name))
        }
    };
    ([$($vis:tt)*] memory) => {
        /// The sandbox's memory limit in bytes. Not in local mode.
        #[must_use]
        $($vis)* fn memory(self, bytes: u64) -> Self {
            self.__wrun_set(|options| options.memory = ::core::option::Option::Some(bytes))
        }
    };
    ([$($vis:tt)*] max_restarts) => {
        /// The constructor runs again this often after the actor's death.
        #[must_use]
        $($vis)* fn max_restarts(self, times: u32) -> Self {
            self.__wrun_set(|options| options.max_restarts = ::core::option::Option::Some(times))
        }
    };
    ([$($vis:tt)*] detached) => {
        /// The actor outlives its last handle.
        #[must_use]
        $($vis)* fn detached(self, detached: bool) -> Self {
            self.__wrun_set(|options| options.detached = ::core::option::Option::Some(detached))
        }
    };
    ([$($vis:tt)*] get_if_exists) => {
        /// When the name is taken, gives the actor that has it.
        #[must_use]
        $($vis)* fn get_if_exists(self, get: bool) -> Self {
            self.__wrun_set(|options| options.get_if_exists = ::core::option::Option::Some(get))
        }
    };
    ([$($vis:tt)*] max_pending_calls) => {
        /// Refuses calls beyond this many waiting ones.
        #[must_use]
        $($vis)* fn max_pending_calls(self, calls: u32) -> Self {
            self.__wrun_set(|options| options.max_pending_calls = ::core::option::Option::Some(calls))
        }
    };
}

/// The builder's `__wrun_set` for a type with a field `options`.
#[doc(hidden)]
#[macro_export]
macro_rules! __set_options {
    () => {
        fn __wrun_set(
            mut self,
            set: impl ::core::ops::FnOnce(&mut $crate::__private::CallOptions),
        ) -> Self {
            set(&mut self.options);
            self
        }
    };
}

/// What a task's builder has.
#[doc(hidden)]
#[macro_export]
macro_rules! __task_options {
    ($($vis:tt)*) => {
        $crate::__set_options!();
        $crate::__option!([$($vis)*] max_retries);
        $crate::__option!([$($vis)*] retry_errors);
        $crate::__option!([$($vis)*] timeout);
        $crate::__option!([$($vis)*] num_cpus);
        $crate::__option!([$($vis)*] name);
        $crate::__option!([$($vis)*] memory);
    };
}

/// What an actor's builder has.
#[doc(hidden)]
#[macro_export]
macro_rules! __actor_options {
    ($($vis:tt)*) => {
        $crate::__set_options!();
        $crate::__option!([$($vis)*] name);
        $crate::__option!([$($vis)*] max_restarts);
        $crate::__option!([$($vis)*] detached);
        $crate::__option!([$($vis)*] get_if_exists);
        $crate::__option!([$($vis)*] max_pending_calls);
        $crate::__option!([$($vis)*] num_cpus);
        $crate::__option!([$($vis)*] memory);
        $crate::__option!([$($vis)*] timeout);
    };
}
