//! Which library the peer is made of.

/// tonic, with or without what this repository puts around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Library {
    /// Within [`layers`](crate::layers), which make it right where it is not.
    #[default]
    Layered,
    /// As it is.
    Plain,
}

impl Library {
    /// Of `--plain`.
    #[must_use]
    pub const fn new(is_plain: bool) -> Self {
        if is_plain { Self::Plain } else { Self::Layered }
    }

    /// What a peer says that it is made of: what is known of tonic does not excuse the one
    /// with layers.
    #[must_use]
    pub const fn implementation(self) -> &'static str {
        match self {
            Self::Layered => "tonic-with-layers",
            Self::Plain => "tonic",
        }
    }

    /// tonic's version.
    #[must_use]
    pub const fn version(self) -> &'static str {
        env!("TONIC_VERSION")
    }
}
