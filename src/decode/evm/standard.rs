//! Logs of the standard token events become transfers and approvals; others stay what they are.

use crate::{
    decode::{
        Reason, Refusal,
        json::{JsonScanner, Value, field::Reader, keys::Field},
        value::hex,
    },
    model::{
        Address, Amount, Approval, Body, Inclusion, Log, Quality, TokenAmount, TokenStandard,
        Transfer, TransferSource, TxId,
    },
};
use ruint::aliases::U256;

/// `Transfer(address,address,uint256)`: ERC-20, and ERC-721 with the id as a topic.
const TRANSFER: &str = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
/// `Approval(address,address,uint256)`.
const APPROVAL: &str = "8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925";
/// `ApprovalForAll(address,address,bool)`.
const APPROVAL_FOR_ALL: &str = "17307eab39ab6107e8899845ad3d59bd9653f200f220920489ca2b5937696c31";
/// `TransferSingle(address,address,address,uint256,uint256)`: ERC-1155.
const TRANSFER_SINGLE: &str = "c3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62";
/// `TransferBatch(address,address,address,uint256[],uint256[])`: ERC-1155.
const TRANSFER_BATCH: &str = "4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb";

/// A log has at most four topics.
const TOPICS_MAX: usize = 4;
/// Bytes of a topic or a word of data.
const WORD: usize = 32;

/// The topics of a log and the hex digits of its data.
struct Words<'a> {
    topics: [[u8; WORD]; TOPICS_MAX],
    n_topics: usize,
    is_any_short: bool,
    data: &'a [u8],
}

/// What every log says about itself.
pub(in crate::decode) struct Site {
    pub tx: TxId,
    pub log_index: u32,
    pub address: Address,
    pub inclusion: Option<Inclusion>,
}

/// Reads a log: its topics (an array, or text with commas) and its data.
pub(in crate::decode) fn read(
    site: &Site,
    topics: Field<'_>,
    data: Field<'_>,
    reader: &mut Reader<'_>,
) -> Result<Body, Refusal> {
    let words = words(topics, data, reader)?;
    let standard_body = match words.signature() {
        Some(TRANSFER) => Some(transfer(&words, site)),
        Some(APPROVAL) => Some(approval(&words, site)),
        Some(APPROVAL_FOR_ALL) => Some(approval_for_all(&words, site)),
        Some(TRANSFER_SINGLE) => Some(transfer_1155(&words, site, words.value())),
        Some(TRANSFER_BATCH) => Some(transfer_1155(&words, site, words.values_sum())),
        _ => None,
    };
    if let Some(Some(body)) = standard_body {
        return Ok(body);
    }
    // A standard event without its words is kept as the log it is; so is a topic cut short.
    if standard_body.is_some() || words.is_any_short {
        reader.quality |= Quality::PARTIAL;
    }
    Ok(Body::Log(Box::new(Log {
        tx: site.tx,
        log_index: site.log_index,
        address: site.address.clone(),
        topic0: (words.n_topics > 0).then_some(words.topics[0]),
        n_topics: words.n_topics as u8,
        n_data_bytes: u32::try_from(words.data.len() / 2).unwrap_or(u32::MAX),
        inclusion: site.inclusion,
    })))
}

/// ERC-20 has three topics, ERC-721 four; older tokens put some or all of the arguments in data.
fn transfer(words: &Words<'_>, site: &Site) -> Option<Body> {
    let last = words.argument(2)?;
    let (standard, amount) = match words.n_topics {
        3 => (TokenStandard::Erc20, TokenAmount::Amount(last)),
        4 => (TokenStandard::Erc721, TokenAmount::TokenId(last)),
        _ => (TokenStandard::Unknown, TokenAmount::AmountOrId(last)),
    };
    Some(movement(site, standard, words.account(0)?, words.account(1)?, amount))
}

/// ERC-1155: operator, from, to; then ids and values, of which the model keeps the values.
fn transfer_1155(words: &Words<'_>, site: &Site, value: Option<Amount>) -> Option<Body> {
    let amount = TokenAmount::Amount(value?);
    let (from, to) = (words.account(1)?, words.account(2)?);
    Some(movement(site, TokenStandard::Erc1155, from, to, amount))
}

fn movement(
    site: &Site,
    standard: TokenStandard,
    from: Address,
    to: Address,
    amount: TokenAmount,
) -> Body {
    Body::Transfer(Box::new(Transfer {
        tx: Some(site.tx),
        source: TransferSource::Log(site.log_index),
        token: Some(site.address.clone()),
        standard,
        from,
        to,
        amount,
        inclusion: site.inclusion,
    }))
}

/// An ERC-721 approval (four topics) is for one token, and taken back by naming nobody.
fn approval(words: &Words<'_>, site: &Site) -> Option<Body> {
    let (owner, spender, last) = (words.account(0)?, words.account(1)?, words.argument(2)?);
    let (amount, is_granted) = match words.n_topics {
        4 => (Amount::from_u64(1), spender != Address::EVM_ZERO),
        _ => (last, !last.is_zero()),
    };
    Some(permission(site, owner, spender, Some(amount), is_granted))
}

fn approval_for_all(words: &Words<'_>, site: &Site) -> Option<Body> {
    let is_granted = !words.argument(2)?.is_zero();
    Some(permission(site, words.account(0)?, words.account(1)?, None, is_granted))
}

fn permission(
    site: &Site,
    owner: Address,
    spender: Address,
    amount: Option<Amount>,
    is_granted: bool,
) -> Body {
    Body::Approval(Box::new(Approval {
        tx: site.tx,
        log_index: site.log_index,
        token: site.address.clone(),
        owner,
        spender,
        amount,
        is_granted,
        inclusion: site.inclusion,
    }))
}

impl Words<'_> {
    /// Returns the first topic, if it is the signature of a standard event.
    fn signature(&self) -> Option<&'static str> {
        if self.n_topics == 0 || self.is_any_short {
            return None;
        }
        [TRANSFER, APPROVAL, APPROVAL_FOR_ALL, TRANSFER_SINGLE, TRANSFER_BATCH]
            .into_iter()
            .find(|text| hex::array(text.as_bytes()) == Some(self.topics[0]))
    }

    /// Returns argument `i`: indexed ones come first, as topics, the others follow in data.
    fn argument(&self, i: usize) -> Option<Amount> {
        let n_indexed = self.n_topics - 1;
        match self.topics[1..self.n_topics].get(i) {
            Some(topic) => Some(Amount(U256::from_be_bytes(*topic))),
            None => self.data_word(i - n_indexed),
        }
    }

    /// Returns argument `i` as an account: its low 20 bytes, as the exporter reads them.
    fn account(&self, i: usize) -> Option<Address> {
        let word: [u8; WORD] = self.argument(i)?.0.to_be_bytes();
        word.last_chunk().map(|low| Address::Evm(*low))
    }

    fn data_word(&self, i: usize) -> Option<Amount> {
        let start = i.checked_mul(2 * WORD)?;
        let digits = self.data.get(start..start.checked_add(2 * WORD)?)?;
        hex::array(digits).map(|word| Amount(U256::from_be_bytes::<WORD>(word)))
    }

    /// Returns the value of a `TransferSingle`: the last of five arguments.
    fn value(&self) -> Option<Amount> {
        self.argument(4)
    }

    /// Returns the sum of the values of a `TransferBatch`, all of which share one log index.
    fn values_sum(&self) -> Option<Amount> {
        let offset = usize::try_from(self.argument(4)?.0).ok()?;
        if offset % WORD != 0 {
            return None;
        }
        let head = offset / WORD;
        let n = usize::try_from(self.data_word(head)?.0).ok()?;
        // The claimed length is believed only as far as the data reaches.
        if n > self.data.len() / (2 * WORD) {
            return None;
        }
        (1..=n).try_fold(Amount::ZERO, |sum, i| Some(sum.saturating_add(self.data_word(head + i)?)))
    }
}

fn words<'a>(
    field: Field<'a>,
    data: Field<'a>,
    reader: &mut Reader<'_>,
) -> Result<Words<'a>, Refusal> {
    let digits = data.hex_digits()?.unwrap_or_default();
    if hex::digest(digits).is_none() {
        return Err(data.refuse(Reason::BadField, "no hex bytes"));
    }
    let mut words =
        Words { topics: [[0; WORD]; TOPICS_MAX], n_topics: 0, is_any_short: false, data: digits };
    match field.value {
        Value::Array(raw) => {
            let mut keys = Vec::new();
            let mut scanner = JsonScanner::new(raw, reader.limits(), &mut keys);
            let mut n = 0;
            let mut is_more = scanner.open_array(0)?;
            while is_more {
                let topic = Field { value: scanner.value(1)?, ..field };
                words.push(topic, topic.text()?.unwrap_or_default())?;
                is_more = scanner.next_element(&mut n)?;
            }
        }
        _ => {
            if let Some(text) = field.text()? {
                for topic in text.split(|&b| b == b',') {
                    words.push(field, topic)?;
                }
            }
        }
    }
    Ok(words)
}

impl Words<'_> {
    fn push(&mut self, field: Field<'_>, topic: &[u8]) -> Result<(), Refusal> {
        let Some(slot) = self.topics.get_mut(self.n_topics) else {
            return Err(field.refuse(Reason::BadField, "more than four topics"));
        };
        let topic = topic.trim_ascii();
        let digits = hex::bare(topic);
        let n_bytes = digits.len() / 2;
        if topic.is_empty() || n_bytes > WORD || !hex::decode(digits, &mut slot[..n_bytes]) {
            return Err(field.refuse(Reason::BadField, "no topic of at most 32 bytes"));
        }
        self.is_any_short |= n_bytes < WORD;
        self.n_topics += 1;
        Ok(())
    }
}
