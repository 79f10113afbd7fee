//! One description for each list of names: shells and documentation take them from here.

/// Gives an enum its names: `name`, `index` and `NAMES`, and `ALL` where no variant has fields.
///
/// The `match` is exhaustive, so a variant without a name does not compile.
macro_rules! named {
    ($type:ident { $($variant:ident $({ $($rest:tt)* })? $(($($inner:tt)*))? => $name:literal),+ $(,)? }) => {
        impl $type {
            /// The names of all variants, in the order of [`index`](Self::index).
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Returns the name of this variant, in snake case.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant $({ $($rest)* })? $(($($inner)*))? => $name),+
                }
            }

            /// Returns the number of this variant: its place in [`NAMES`](Self::NAMES).
            pub const fn index(&self) -> u8 {
                #[allow(clippy::items_after_statements)]
                enum Order { $($variant),+ }
                match self {
                    $(Self::$variant $({ $($rest)* })? $(($($inner)*))? => Order::$variant as u8),+
                }
            }
        }
    };
    (all $type:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        $crate::names::named!($type { $($variant => $name),+ });

        impl $type {
            /// All variants, in the order of [`index`](Self::index).
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }
    };
}
pub(crate) use named;

/// Gives an enum without fields `of_number`, the way back from `as u8`; the last variant stands for
/// all numbers that none has.
///
/// The `match` in it is exhaustive, so a variant that is left out does not compile.
macro_rules! numbered {
    ($type:ident { $($variant:ident),+; $last:ident }) => {
        impl $type {
            #[inline]
            pub(crate) const fn of_number(number: u8) -> Self {
                const _: fn($type) = |variant| match variant {
                    $($type::$variant => (),)+
                    $type::$last => (),
                };
                $(if number == Self::$variant as u8 {
                    return Self::$variant;
                })+
                Self::$last
            }
        }
    };
}
pub(crate) use numbered;
