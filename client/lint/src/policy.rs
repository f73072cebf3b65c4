//! A key policy in types. Lists are sorted and without repetition, so that statements that say the same are equal.

mod action;
mod condition;
mod principal;

pub(crate) use action::{Action, actions};
pub(crate) use condition::{Condition, Key, Quantifier};
pub(crate) use principal::{Arn, Principal};

use crate::report::Place;

/// PCR0, the image.
pub(crate) const IMAGE: u8 = 0;
/// PCR16, the charter.
pub(crate) const CHARTER: u8 = 16;

/// A key policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Whether `Version` is the present one.
    pub(crate) is_current: bool,
    /// Whether it has elements that policies do not have.
    pub(crate) has_strays: bool,
    pub(crate) statements: Vec<Statement>,
}

/// One statement and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) place: Place,
    pub(crate) says: Says,
}

/// What a statement says. The lists are empty only where an inversion stands in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Says {
    pub(crate) effect: Effect,
    pub(crate) principals: Vec<Principal>,
    pub(crate) actions: Vec<Action>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) inversions: Vec<Inversion>,
    /// Whether it has elements that statements do not have.
    pub(crate) has_strays: bool,
}

/// What a statement does when it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// What a statement is about. In a key policy, `*` is the key that the policy belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    ThisKey,
    Other,
}

/// An element that means everything but what it lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Inversion {
    Action,
    Principal,
    Resource,
}

impl Inversion {
    pub(crate) const ALL: [Self; 3] = [Self::Action, Self::Principal, Self::Resource];

    /// The element's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Action => "NotAction",
            Self::Principal => "NotPrincipal",
            Self::Resource => "NotResource",
        }
    }
}

impl Says {
    /// Whether it speaks of everyone and of nobody in particular.
    pub(crate) fn is_for_everyone(&self) -> bool {
        self.principals == [Principal::Everyone]
    }

    /// Whether one of its actions is this one, or a pattern that fits it.
    pub(crate) fn covers(&self, action: &str) -> bool {
        self.actions.iter().any(|listed| listed.covers(action))
    }

    /// Its conditions on registers.
    pub(crate) fn registers(&self) -> impl Iterator<Item = (u8, &Condition)> {
        self.conditions.iter().filter_map(|condition| match condition.key {
            Key::Register(number) => Some((number, condition)),
            Key::Other(_) => None,
        })
    }

    /// The roles, users and account roots that it names.
    pub(crate) fn named(&self) -> impl Iterator<Item = &Arn> {
        self.principals.iter().filter_map(|principal| match principal {
            Principal::Named(arn) => Some(arn),
            _ => None,
        })
    }
}
