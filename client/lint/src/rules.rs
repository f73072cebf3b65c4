//! The rules, one file a family. Ids are grouped by hundreds as the files are.

pub(crate) mod condition;
pub(crate) mod demand;
pub(crate) mod deny;
pub(crate) mod document;
pub(crate) mod key;
pub(crate) mod people;
pub(crate) mod statement;
pub(crate) mod whole;

use crate::rule::Rule;

/// Every rule, in the order of ids.
pub static ALL: &[&Rule] = &[
    &document::SR101,
    &document::SR102,
    &document::SR103,
    &document::SR104,
    &statement::SR201,
    &statement::SR202,
    &statement::SR203,
    &statement::SR204,
    &statement::SR205,
    &statement::SR206,
    &statement::SR207,
    &statement::SR208,
    &condition::SR301,
    &condition::SR302,
    &condition::SR303,
    &condition::SR304,
    &condition::SR305,
    &condition::SR306,
    &condition::SR307,
    &condition::SR308,
    &condition::SR309,
    &condition::SR310,
    &deny::SR401,
    &deny::SR402,
    &deny::SR403,
    &deny::SR404,
    &whole::SR501,
    &whole::SR502,
    &whole::SR503,
    &whole::SR504,
    &whole::SR505,
    &key::SR601,
    &key::SR602,
    &key::SR603,
    &key::SR604,
    &key::SR605,
    &demand::SR701,
    &demand::SR702,
    &people::SR801,
    &people::SR802,
    &people::SR803,
    &people::SR804,
    &people::SR805,
    &people::SR806,
    &people::SR807,
];

/// The rule of an id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.id == id)
}
