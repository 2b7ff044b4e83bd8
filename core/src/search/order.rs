//! Which orders of expansion a search combines: best-first, critic-guided, or both.

/// How a search chooses the state that it expands next.
///
/// The two combinations (BF+CG of arXiv 2410.15700) give each order half of a pass's expansions, best-first the odd
/// one, and let the order that has had fewer go next: whatever ends the pass early, the wall clock or the costs, has
/// then ended both orders at the same point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The highest [`Priority`](super::Priority) first. The only order that needs no critic.
    #[default]
    BestFirst,
    /// The highest critic score first.
    CriticGuided,
    /// Both orders in one tree: each sees what the other found, and a state that one expanded the other leaves alone.
    SharedTree,
    /// Both orders, each in a tree of its own that begins at the root: two searches that share nothing but the budget.
    TwoTrees,
}

/// One order of expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guide {
    /// Higher priority, then fewer steps, then the older node.
    BestFirst,
    /// Higher critic score, then higher sum of log-probabilities, then fewer steps, then the older node. States without
    /// a usable score come last.
    Critic,
}

impl Order {
    /// Whether a critic has to score states.
    #[must_use]
    pub fn needs_critic(self) -> bool {
        self != Self::BestFirst
    }

    /// The orders that it combines, each with the index of its tree and its share of a pass's `expansions`.
    pub(super) fn shares(self, expansions: u32) -> Vec<(Guide, usize, u32)> {
        let halves = |critic_tree| {
            vec![(Guide::BestFirst, 0, expansions.div_ceil(2)), (Guide::Critic, critic_tree, expansions / 2)]
        };
        match self {
            Self::BestFirst => vec![(Guide::BestFirst, 0, expansions)],
            Self::CriticGuided => vec![(Guide::Critic, 0, expansions)],
            Self::SharedTree => halves(0),
            Self::TwoTrees => halves(1),
        }
    }
}
