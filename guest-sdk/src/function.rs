//! [`Function`]: a function of this module as a value, for libraries whose tasks run what their callers give them.

use std::any::TypeId;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::{Error, ErrorKind, Result};

/// Names a function of this module, so that a task can be told which one to call: a plain function, or a closure that
/// captures nothing.
///
/// ```
/// use wrun::prelude::*;
/// use wrun::Function;
///
/// #[wrun::task]
/// fn apply(function: Function, n: i64) -> wrun::Result<i64> {
///     let function = function.get::<fn(i64) -> i64>()?;
///     Ok(function(n))
/// }
///
/// fn remote(function: fn(i64) -> i64, n: i64) -> ObjectRef<i64> {
///     apply::remote(Function::of(function), n)
/// }
///
/// assert_eq!(remote(|n| n * n, 7).get()?, 49);
/// # Ok::<(), wrun::Error>(())
/// ```
///
/// It is the function's address, which is the same in all sandboxes of a module, and a fingerprint of its type. It means
/// nothing to another module, and JSON can't hold one: who calls from outside can't choose what runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Function {
    place: u64,
    kind: u64,
}

impl Function {
    /// Names a function. An item or a closure becomes a pointer where one is expected: `Function::of(f as fn(i64) -> i64)`.
    #[must_use]
    pub fn of<F: Code>(function: F) -> Self {
        Self {
            place: place::of(function),
            kind: kind::<F>(),
        }
    }

    /// The function.
    ///
    /// # Errors
    /// It has another type, or is one of another module.
    pub fn get<F: Code>(self) -> Result<F> {
        let found = (self.kind == kind::<F>())
            .then(|| place::find(self.place))
            .flatten();
        found.ok_or_else(|| {
            let ty = crate::codec::short_type_name::<F>();
            Error::of(
                ErrorKind::BadArgument,
                format!("the function is no `{ty}` of this module"),
            )
        })
    }
}

/// Function pointers of up to four parameters. It can't be implemented otherwise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no function pointer",
    note = "write `f as fn(A) -> B`; a closure must not capture anything, and arguments must not be borrowed"
)]
pub trait Code: Copy + Send + Sync + 'static + sealed::Sealed {
    #[doc(hidden)]
    fn address(self) -> usize;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! pointers {
    ($(($($arg:ident)*))*) => {$(
        impl<$($arg: 'static,)* R: 'static> sealed::Sealed for fn($($arg),*) -> R {}
        impl<$($arg: 'static,)* R: 'static> Code for fn($($arg),*) -> R {
            fn address(self) -> usize {
                self as usize
            }
        }
    )*};
}
pointers!(() (A) (A B) (A B C) (A B C D));

/// A fingerprint of a function's type, and of how this module is laid out.
fn kind<F: Code>() -> u64 {
    static ANCHOR: u8 = 0;
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    TypeId::of::<F>().hash(&mut hash);
    (&raw const ANCHOR).addr().hash(&mut hash);
    (kind::<fn()> as fn() -> u64).address().hash(&mut hash);
    hash.finish()
}

/// FNV-1a: the same in every sandbox.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// In a sandbox, an address is a position in the module's table.
#[cfg(target_arch = "wasm32")]
mod place {
    use super::Code;

    pub(super) fn of<F: Code>(function: F) -> u64 {
        function.address() as u64
    }

    pub(super) fn find<F: Code>(place: u64) -> Option<F> {
        crate::sys::function(usize::try_from(place).ok()?)
    }
}

/// Natively, functions are looked up among those that were named in this process.
#[cfg(not(target_arch = "wasm32"))]
mod place {
    use std::any::{Any, TypeId};
    use std::collections::HashMap;
    use std::sync::{Mutex, PoisonError};

    use super::Code;

    type Named = HashMap<(u64, TypeId), Box<dyn Any + Send>>;
    static NAMED: Mutex<Option<Named>> = Mutex::new(None);

    fn named<R>(then: impl FnOnce(&mut Named) -> R) -> R {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        then(named.get_or_insert_default())
    }

    pub(super) fn of<F: Code>(function: F) -> u64 {
        let place = function.address() as u64;
        named(|all| all.insert((place, TypeId::of::<F>()), Box::new(function)));
        place
    }

    pub(super) fn find<F: Code>(place: u64) -> Option<F> {
        named(|all| {
            let function = all.get(&(place, TypeId::of::<F>()))?;
            function.downcast_ref::<F>().copied()
        })
    }
}

impl Serialize for Function {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return Err(ser::Error::custom("a function can't be shown as text"));
        }
        (self.place, self.kind).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Function {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Err(de::Error::custom("a function can't be given as text"));
        }
        let (place, kind) = Deserialize::deserialize(deserializer)?;
        Ok(Self { place, kind })
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(n: i64) -> i64 {
        2 * n
    }

    #[test]
    fn a_function_is_found_by_what_was_sent() {
        let bytes = crate::codec::encode(&Function::of(double as fn(i64) -> i64), 0).unwrap();
        let back: Function = crate::codec::decode(&bytes.bytes, None).unwrap();
        assert_eq!(back.get::<fn(i64) -> i64>().unwrap()(21), 42);
    }

    #[test]
    fn another_type_or_place_is_an_error() {
        let function = Function::of(double as fn(i64) -> i64);
        let error = function.get::<fn(u64) -> u64>().unwrap_err();
        assert_eq!(
            error.message(),
            "the function is no `fn(u64) -> u64` of this module"
        );
        let forged = Function {
            place: function.place + 1,
            ..function
        };
        assert!(forged.get::<fn(i64) -> i64>().is_err());
    }

    #[test]
    fn text_holds_no_function() {
        let function = Function::of(double as fn(i64) -> i64);
        assert!(serde_json::to_string(&function).is_err());
        assert!(serde_json::from_str::<Function>("[1, 2]").is_err());
    }
}
