//! What the process's exit code says. The codes are part of the interface.

/// How a command ended. Where several hold, `Counts::exit` says which counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Every trial is as it should be.
    Success,
    /// An unexpected fail, hang, crash, or a known failure that passed.
    Unexpected,
    /// Bad usage, manifest, suite, known list or filter; nothing was started.
    BadInput,
    /// The known list has an entry that matches nothing.
    StaleKnown,
    /// No trial was selected, or every selected one is unsupported.
    NothingRan,
    /// A peer could not be built or started, so the matrix is incomplete.
    Blocked,
    /// The run was stopped early; what was observed until then is reported.
    Stopped,
    /// A defect of the harness, or a report that could not be written.
    Defect,
}

impl Exit {
    /// All there are.
    pub(crate) const ALL: [Self; 8] = [
        Self::Success,
        Self::Unexpected,
        Self::BadInput,
        Self::StaleKnown,
        Self::NothingRan,
        Self::Blocked,
        Self::Stopped,
        Self::Defect,
    ];

    /// The exit code of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Unexpected => 1,
            Self::BadInput => 2,
            Self::StaleKnown => 3,
            Self::NothingRan => 4,
            Self::Blocked => 5,
            Self::Stopped => 6,
            Self::Defect => 70,
        }
    }
}
