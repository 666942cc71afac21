//! The page of all functions, made from the registries that bind them, so that
//! it cannot say what is not there.

use crate::expr::{functions_markdown, markdown_table};
use crate::plan::aggregate;

/// docs/sql-functions.md.
pub fn functions_page() -> String {
    let mut page = String::from(
        "# SQL functions\n\n\
         With Flink's names, argument types and results. Names are known in any case. A function that is NULL for a NULL \
         argument does not say so. This page is made from the functions themselves (`streamjob functions` prints it); the \
         language is in [sql.md](sql.md).\n",
    );
    page.push_str(&functions_markdown());
    page.push_str(&markdown_table("Aggregates", aggregate::documented()));
    page.push_str(
        "\nAll but COUNT are NULL for a group without values, and skip NULL. `FILTER (WHERE …)` may follow any of them.\n",
    );
    page.push_str(&format!("\nKnown and refused by name: {}.\n", aggregate::refused_names().join(", ")));
    page.push_str(&markdown_table(
        "Windows and time attributes",
        [
            ("TUMBLE(TABLE t, DESCRIPTOR(ts), size [, offset])", "Windows side by side; a table function."),
            (
                "HOP(TABLE t, DESCRIPTOR(ts), slide, size [, offset])",
                "A window of one size at every slide; a table function.",
            ),
            (
                "CUMULATE(TABLE t, DESCRIPTOR(ts), step, size [, offset])",
                "Windows that grow by steps up to a size; a table function.",
            ),
            ("TUMBLE_START(ts, size), TUMBLE_END, TUMBLE_ROWTIME", "Of the group window `GROUP BY TUMBLE(ts, size)`."),
            (
                "HOP_START(ts, slide, size), HOP_END, HOP_ROWTIME",
                "Of the group window `GROUP BY HOP(ts, slide, size)`.",
            ),
            ("CURRENT_WATERMARK(ts)", "The watermark when the row is read; NULL before the first."),
        ]
        .into_iter()
        .map(|(signature, doc)| (signature, &[] as &[&str], doc)),
    ));
    page
}
