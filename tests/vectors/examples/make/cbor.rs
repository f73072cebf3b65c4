//! CBOR as it shall be written, the faulty included.

/// One item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Uint(u64),
    /// −1 − this.
    Negative(u64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Self>),
    Map(Vec<(Self, Self)>),
    /// An item that is written already.
    Raw(Vec<u8>),
}

pub(crate) const NULL: u8 = 0xf6;
pub(crate) const FALSE: u8 = 0xf4;

impl Item {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn null() -> Self {
        Self::Raw(vec![NULL])
    }

    pub(crate) fn float(value: f64) -> Self {
        Self::Raw([vec![0xfb], value.to_be_bytes().to_vec()].concat())
    }

    pub(crate) fn map(pairs: &[(&str, Self)]) -> Self {
        Self::Map(pairs.iter().map(|(key, value)| (Self::text(key), value.clone())).collect())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Uint(value) => head(0, *value),
            Self::Negative(value) => head(1, *value),
            Self::Bytes(bytes) => [head(2, bytes.len() as u64), bytes.clone()].concat(),
            Self::Text(text) => [head(3, text.len() as u64), text.clone().into_bytes()].concat(),
            Self::Array(items) => {
                [head(4, items.len() as u64), items.iter().flat_map(Self::encode).collect()].concat()
            }
            Self::Map(pairs) => [head(5, pairs.len() as u64), entries(pairs)].concat(),
            Self::Raw(bytes) => bytes.clone(),
        }
    }

    /// The same map, ended by a break.
    pub(crate) fn indefinite(&self) -> Vec<u8> {
        let Self::Map(pairs) = self else { panic!("only maps") };
        [vec![0xbf], entries(pairs), vec![0xff]].concat()
    }

    /// Reads what our writers write.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let item = take(&mut rest);
        assert!(rest.is_empty());
        item
    }

    /// The map with one field changed or added, at any depth: `a.b`, and `a.0` in arrays.
    pub(crate) fn with(&self, path: &str, value: Item) -> Self {
        let mut changed = self.clone();
        match changed.find(path) {
            Some(found) => *found = value,
            None => {
                let (parent, name) = path.rsplit_once('.').map_or(("", path), |split| split);
                let Some(Self::Map(pairs)) = changed.find(parent) else { panic!("{path}") };
                pairs.push((Self::text(name), value));
            }
        }
        changed
    }

    pub(crate) fn without(&self, path: &str) -> Self {
        let mut changed = self.clone();
        let (parent, name) = path.rsplit_once('.').map_or(("", path), |split| split);
        let Some(Self::Map(pairs)) = changed.find(parent) else { panic!("{path}") };
        let before = pairs.len();
        pairs.retain(|(key, _)| *key != Self::text(name));
        assert_eq!(pairs.len() + 1, before, "{path}");
        changed
    }

    pub(crate) fn get(&self, path: &str) -> Self {
        self.clone().find(path).unwrap().clone()
    }

    fn find(&mut self, path: &str) -> Option<&mut Self> {
        if path.is_empty() {
            return Some(self);
        }
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        match self {
            Self::Map(pairs) => pairs.iter_mut().find(|(key, _)| *key == Self::text(first))?.1.find(rest),
            Self::Array(items) => items.get_mut(first.parse::<usize>().ok()?)?.find(rest),
            _ => None,
        }
    }
}

fn entries(pairs: &[(Item, Item)]) -> Vec<u8> {
    pairs.iter().flat_map(|(key, value)| [key.encode(), value.encode()].concat()).collect()
}

pub(crate) fn head(major: u8, value: u64) -> Vec<u8> {
    let major = major << 5;
    match value {
        0..=23 => vec![major | value as u8],
        24..=0xff => vec![major | 24, value as u8],
        0x100..=0xffff => [vec![major | 25], (value as u16).to_be_bytes().to_vec()].concat(),
        0x1_0000..=0xffff_ffff => [vec![major | 26], (value as u32).to_be_bytes().to_vec()].concat(),
        _ => [vec![major | 27], value.to_be_bytes().to_vec()].concat(),
    }
}

fn take(rest: &mut &[u8]) -> Item {
    let start = *rest;
    let (first, after) = rest.split_first().unwrap();
    let (major, info) = (first >> 5, first & 31);
    let width = if info < 24 { 0 } else { 1 << (info - 24) };
    let (argument, after) = after.split_at(width);
    *rest = after;
    if major == 7 {
        return Item::Raw(start[..=width].to_vec());
    }
    let value = match info {
        0..=23 => u64::from(info),
        _ => argument.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
    };
    let mut string = || {
        let (string, after) = rest.split_at(value as usize);
        *rest = after;
        string.to_vec()
    };
    match major {
        0 => Item::Uint(value),
        1 => Item::Negative(value),
        2 => Item::Bytes(string()),
        3 => Item::Text(String::from_utf8(string()).unwrap()),
        4 => Item::Array((0..value).map(|_| take(rest)).collect()),
        5 => Item::Map((0..value).map(|_| (take(rest), take(rest))).collect()),
        _ => panic!("a tag"),
    }
}
