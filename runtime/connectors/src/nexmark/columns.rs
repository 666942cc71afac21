//! Events to columns: a loop a column, over the events of its kind.

use super::event::{Event, Kind, Made, Model};
use super::schema::{Declared, Field};
use super::text::Texts;
use arrow::array::{Array, ArrayRef, Int32Array, Int64Array, StringArray, StructArray, make_array};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType as ArrowType, Fields};
use std::sync::Arc;
use streamjob_core::Result;

/// Makes the columns of a batch.
#[derive(Debug)]
pub(super) struct Maker {
    pub model: Model,
    texts: Texts,
}

impl Maker {
    pub(super) fn new(model: Model) -> Self {
        let o = &model.options;
        let texts = Texts::new(o.person_size.max(o.auction_size).max(o.bid_size));
        Self { model, texts }
    }

    /// A declared column of these events.
    pub(super) fn column(&self, declared: &Declared, made: &Made) -> Result<ArrayRef> {
        match declared {
            Declared::EventType => Ok(Arc::new(Int32Array::from(made.kinds.clone()))),
            Declared::Row(kind, fields, arrow) => self.row(*kind, fields, arrow, made),
        }
    }

    fn row(&self, kind: Kind, fields: &[Field], arrow: &Fields, made: &Made) -> Result<ArrayRef> {
        let kinds = &made.kinds;
        let is = |i: usize| kinds.get(i) == Some(&(kind as i32));
        let nulls = NullBuffer::new(BooleanBuffer::collect_bool(made.rows, is));
        let rows = Rows { events: made.of(kind), count: made.rows, nulls: &nulls };
        let columns = fields.iter().zip(arrow).map(|(field, to)| self.field(kind, *field, to.data_type(), &rows));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(StructArray::try_new_with_length(arrow.clone(), columns, Some(nulls), made.rows)?))
    }

    fn field(&self, kind: Kind, field: Field, ty: &ArrowType, rows: &Rows<'_>) -> Result<ArrayRef> {
        let (m, t) = (&self.model, &self.texts);
        let extra = match kind {
            Kind::Person => m.options.person_size,
            Kind::Auction => m.options.auction_size,
            Kind::Bid => m.options.bid_size,
        } as usize;
        match field {
            Field::Id if kind == Kind::Person => rows.whole(ty, Model::person_id),
            Field::Id => rows.whole(ty, Model::auction_id),
            Field::Time => rows.whole(ty, |e| e.time_ms),
            Field::InitialBid | Field::Price => rows.whole(ty, |e| m.price(e)),
            Field::Reserve => rows.whole(ty, |e| m.reserve(e)),
            Field::Expires => rows.whole(ty, |e| m.expires(e)),
            Field::Seller => rows.whole(ty, |e| m.seller(e)),
            Field::Category => rows.whole(ty, |e| m.category(e)),
            Field::Auction => rows.whole(ty, |e| m.bid_auction(e)),
            Field::Bidder => rows.whole(ty, |e| m.bidder(e)),
            Field::Extra => rows.text(extra, |e, to| t.extra(m, kind, e, to)),
            Field::Name => rows.text(16, |e, to| t.name(m, e, to)),
            Field::Email => rows.text(17, |e, to| t.email(m, e, to)),
            Field::CreditCard => rows.text(19, |e, to| t.credit_card(m, e, to)),
            Field::City => rows.text(12, |e, to| to.extend_from_slice(Texts::home(m, e).0.as_bytes())),
            Field::State => rows.text(2, |e, to| to.extend_from_slice(Texts::home(m, e).1.as_bytes())),
            Field::ItemName => rows.text(12, |e, to| t.item_name(m, e, to)),
            Field::Description => rows.text(52, |e, to| t.description(m, e, to)),
            Field::Channel => rows.text(10, |e, to| t.channel_name(m, e, to)),
            Field::Url => rows.text(70, |e, to| t.url(m, e, to)),
        }
    }
}

/// The events of one kind, and the rows between them, which are NULL.
struct Rows<'a> {
    events: &'a [Event],
    count: usize,
    nulls: &'a NullBuffer,
}

impl Rows<'_> {
    fn whole(&self, ty: &ArrowType, value: impl Fn(&Event) -> i64) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(self.count);
        for event in self.events {
            values.resize(event.slot, 0);
            values.push(value(event));
        }
        values.resize(self.count, 0);
        let values = Int64Array::try_new(values.into(), Some(self.nulls.clone()))?;
        if *ty == ArrowType::Int64 {
            return Ok(Arc::new(values));
        }
        Ok(make_array(values.to_data().into_builder().data_type(ty.clone()).build()?))
    }

    /// `usual` is about how many bytes a text has.
    fn text(&self, usual: usize, append: impl Fn(&Event, &mut Vec<u8>)) -> Result<ArrayRef> {
        let mut text = Vec::with_capacity(self.events.len() * usual * 5 / 4 + 256);
        let mut ends: Vec<i32> = Vec::with_capacity(self.count + 1);
        ends.push(0);
        for event in self.events {
            // Batches are far below 2 GiB.
            ends.resize(event.slot + 1, text.len() as i32);
            append(event, &mut text);
            ends.push(text.len() as i32);
        }
        ends.resize(self.count + 1, text.len() as i32);
        Ok(Arc::new(StringArray::try_new(OffsetBuffer::new(ends.into()), text.into(), Some(self.nulls.clone()))?))
    }
}
