//! Tasks and actors of any visibility, in modules and functions, with names that could clash with generated ones.
#![deny(warnings)]
#![deny(missing_docs, unreachable_pub, missing_debug_implementations)]

/// Public things.
pub mod outer {
    use wrun::prelude::*;

    /// A task for all.
    #[wrun::task]
    pub fn open(n: u64) -> u64 {
        n
    }

    #[wrun::task]
    pub(crate) fn own(__wrun_call: u64, (a, b): (u64, u64), _: u8, mut r#type: String) -> usize {
        r#type.push('!');
        r#type.len() + usize::try_from(__wrun_call + a + b).unwrap()
    }

    /// A value.
    #[derive(Debug)]
    pub struct Options(u64);

    /// An actor that has the names of generated things.
    #[wrun::actor]
    impl Options {
        /// Makes one.
        pub fn remote_like(n: u64) -> Self {
            Options(n)
        }

        /// Tells.
        pub fn name(&self) -> u64 {
            self.0
        }

        pub(super) fn __wrun_run(&self, options: u64, entry: u64) -> u64 {
            self.0 + options + entry
        }

        fn r#match(&mut self, _n: Option<Handle<Self>>) -> Vec<u64> {
            vec![self.0]
        }
    }

    /// Uses what is private.
    pub fn check() {
        let actor = Options::remote(1);
        assert_eq!(actor.r#match(None).get().unwrap(), [1]);
    }
}

use wrun::prelude::*;

#[wrun::task]
fn result() -> Result<(), std::fmt::Error> {
    Ok(())
}

#[wrun::task(name = "another name")]
fn run(one: Result<u8, String>, two: Option<ObjectRef<Option<u8>>>) -> bool {
    one.is_ok() && two.is_none()
}

#[wrun::task(crate = ::wrun, stream = false)]
fn export(n: u64) -> u64 {
    n
}

/// Never called remotely.
#[wrun::task]
fn unused() {}

enum State {
    On,
    Off,
}

#[wrun::actor]
impl State {
    fn off() -> wrun::Result<Self> {
        Ok(State::Off)
    }

    #[wrun(constructor)]
    fn on() -> State {
        State::On
    }

    fn is_on(&self) -> bool {
        matches!(self, Self::On)
    }
}

fn main() {
    fn inside() -> wrun::Result<u64> {
        #[wrun::task]
        fn hidden(n: u64) -> u64 {
            n + 1
        }
        struct Cell(u64);
        #[wrun::actor]
        impl Cell {
            fn new(n: u64) -> Self {
                Cell(n)
            }
            fn value(&self) -> u64 {
                self.0
            }
        }
        Ok(hidden::remote(1).get()? + Cell::remote(2).value().get()?)
    }
    assert_eq!(inside().unwrap(), 4);
    assert_eq!(outer::open::remote(1).get().unwrap(), 1);
    assert_eq!(outer::own::remote(1, (2, 3), 4, "x").get().unwrap(), 8);
    let actor = outer::Options::remote(5);
    assert_eq!(actor.name().get().unwrap() + actor.__wrun_run(1, 2).get().unwrap(), 13);
    outer::check();
    result::remote().get().unwrap();
    assert!(run::remote(Ok(1), None).get().unwrap());
    assert_eq!(export::remote(3).get().unwrap(), 3);
    assert!(State::remote().is_on().get().unwrap());
    assert!(State::off().is_ok());
}
