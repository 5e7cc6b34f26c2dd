//! Numbers that the specifications name.

/// Defines each number as a constant, and `NAMES` of all of them.
macro_rules! named {
    ($number:ty: $($(#[$attribute:meta])* $name:ident = $value:literal,)+) => {
        $($(#[$attribute])* pub const $name: $number = $value;)+

        /// Every number that has a name, in the order of the numbers.
        pub const NAMES: &[($number, &str)] = &[$(($value, stringify!($name))),+];

        /// The name of a number, as the specification writes it.
        #[must_use]
        pub fn name(number: $number) -> Option<&'static str> {
            NAMES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
        }

        /// The number of a name, written as the specification does.
        #[must_use]
        pub fn number(name: &str) -> Option<$number> {
            NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
        }
    };
}

pub(crate) use named;
