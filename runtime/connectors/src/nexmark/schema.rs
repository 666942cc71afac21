//! The columns that the connector gives, and what a table declares of them.

use super::event::Kind;
use arrow::datatypes::{DataType as ArrowType, Fields};
use streamjob_core::options::nearest;
use streamjob_core::table::TableDef;
use streamjob_core::types::MAX_LENGTH;
use streamjob_core::{Column, DataType, Error, Result};

/// A field of a person, an auction or a bid. Of `Id`, `Time` and `Extra` each of them has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Time,
    Extra,
    Name,
    Email,
    CreditCard,
    City,
    State,
    ItemName,
    Description,
    InitialBid,
    Reserve,
    Expires,
    Seller,
    Category,
    Auction,
    Bidder,
    Price,
    Channel,
    Url,
}

const PERSON: &[(&str, Field)] = &[
    ("id", Field::Id),
    ("name", Field::Name),
    ("emailAddress", Field::Email),
    ("creditCard", Field::CreditCard),
    ("city", Field::City),
    ("state", Field::State),
    ("dateTime", Field::Time),
    ("extra", Field::Extra),
];

const AUCTION: &[(&str, Field)] = &[
    ("id", Field::Id),
    ("itemName", Field::ItemName),
    ("description", Field::Description),
    ("initialBid", Field::InitialBid),
    ("reserve", Field::Reserve),
    ("dateTime", Field::Time),
    ("expires", Field::Expires),
    ("seller", Field::Seller),
    ("category", Field::Category),
    ("extra", Field::Extra),
];

const BID: &[(&str, Field)] = &[
    ("auction", Field::Auction),
    ("bidder", Field::Bidder),
    ("price", Field::Price),
    ("channel", Field::Channel),
    ("url", Field::Url),
    ("dateTime", Field::Time),
    ("extra", Field::Extra),
];

/// Columns of the table, by name.
const COLUMNS: [&str; 4] = ["event_type", "person", "auction", "bid"];

/// A declared column.
#[derive(Debug, Clone)]
pub(super) enum Declared {
    /// The number of the event's kind.
    EventType,
    /// Fields of one kind of event, NULL for the others.
    Row(Kind, Vec<Field>, Fields),
}

impl Field {
    fn is_text(self) -> bool {
        use Field::*;
        matches!(self, Extra | Name | Email | CreditCard | City | State | ItemName | Description | Channel | Url)
    }

    fn is_time(self) -> bool {
        matches!(self, Field::Time | Field::Expires)
    }

    fn fits(self, ty: &DataType) -> bool {
        match ty {
            DataType::VarChar(MAX_LENGTH) => self.is_text(),
            DataType::Timestamp(3) | DataType::TimestampLtz(3) => self.is_time(),
            DataType::BigInt => !self.is_text() && !self.is_time(),
            _ => false,
        }
    }

    fn expected(self) -> &'static str {
        match self {
            _ if self.is_text() => "STRING",
            _ if self.is_time() => "TIMESTAMP(3)",
            _ => "BIGINT",
        }
    }
}

/// The physical columns of a table; refused are those that the connector does not give.
pub(super) fn declared(table: &TableDef) -> Result<Vec<Declared>> {
    table.physical_schema().columns.iter().map(|column| one(&table.name, column)).collect()
}

fn one(table: &str, column: &Column) -> Result<Declared> {
    let name = column.name.as_str();
    let (kind, fields) = match name {
        "event_type" if column.ty.data == DataType::Int => return Ok(Declared::EventType),
        "event_type" => return Err(mistyped(table, name, &column.ty.data, "INT")),
        "person" => (Kind::Person, PERSON),
        "auction" => (Kind::Auction, AUCTION),
        "bid" => (Kind::Bid, BID),
        _ => return Err(unknown(table, name, &COLUMNS)),
    };
    let DataType::Row(declared) = &column.ty.data else {
        return Err(mistyped(table, name, &column.ty.data, "ROW<…>"));
    };
    if !column.ty.nullable {
        let text = format!("table {table}: column '{name}' is NULL for other events");
        return Err(Error::user(text).fix("remove NOT NULL"));
    }
    let mut found = Vec::with_capacity(declared.len());
    for field in declared {
        let path = format!("{name}.{}", field.name);
        let Some((_, known)) = fields.iter().find(|(n, _)| *n == field.name) else {
            let names: Vec<&str> = fields.iter().map(|(n, _)| *n).collect();
            return Err(unknown(table, &path, &names));
        };
        if !known.fits(&field.ty.data) {
            return Err(mistyped(table, &path, &field.ty.data, known.expected()));
        }
        found.push(*known);
    }
    let ArrowType::Struct(arrow) = column.ty.data.arrow() else {
        return Err(Error::internal("a ROW that is no struct"));
    };
    Ok(Declared::Row(kind, found, arrow))
}

fn mistyped(table: &str, name: &str, ty: &DataType, expected: &str) -> Error {
    Error::user(format!("table {table}: column '{name}': connector 'nexmark' does not give it as {ty}"))
        .fix(format!("declare it as {expected}"))
}

fn unknown(table: &str, name: &str, known: &[&str]) -> Error {
    let error = Error::user(format!("table {table}: connector 'nexmark' gives no column '{name}'"));
    let last = name.rsplit('.').next().unwrap_or(name);
    error.fix(match nearest(last, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("it gives {}", known.join(", ")),
    })
}
