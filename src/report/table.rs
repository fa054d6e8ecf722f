//! Tables: aligned without borders in text, and the same rows as Markdown and CSV.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, presets};

use super::Style;
use super::html::escape;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows under named columns. Cells hold plain text.
pub(crate) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        let columns = columns.into_iter().map(|(name, align)| (name.to_owned(), align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row; it has a cell for each column.
    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    pub(super) fn to_text(&self, style: &Style) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if style.terminal {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(style.width).unwrap_or(u16::MAX));
        }
        table.set_header(self.columns.iter().map(|(name, _)| name.as_str()));
        table.add_rows(&self.rows);
        let last = self.columns.len().saturating_sub(1);
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if i == last { 0 } else { 2 }));
            if self.columns[i].1 == Align::Right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = String::new();
        for (i, line) in table.lines().enumerate() {
            let line = line.trim_end();
            let line = if i == 0 { style.bold(line) } else { line.to_owned() };
            let _ = writeln!(text, "{line}");
        }
        text
    }

    pub(super) fn to_markdown(&self) -> String {
        let row = |cells: &mut dyn Iterator<Item = &str>| {
            let cells: Vec<String> = cells.map(markdown_cell).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let mut text = row(&mut self.columns.iter().map(|(name, _)| name.as_str()));
        text += &row(&mut self.columns.iter().map(|(_, align)| match align {
            Align::Left => "---",
            Align::Right => "---:",
        }));
        for cells in &self.rows {
            text += &row(&mut cells.iter().map(String::as_str));
        }
        text
    }

    pub(super) fn to_html(&self) -> String {
        let row = |tag: &str, cells: &mut dyn Iterator<Item = &str>| {
            let cells: Vec<String> = cells
                .zip(&self.columns)
                .map(|(cell, (_, align))| match align {
                    Align::Left => format!("<{tag}>{}</{tag}>", escape(cell)),
                    Align::Right => format!("<{tag} class=\"number\">{}</{tag}>", escape(cell)),
                })
                .collect();
            format!("<tr>{}</tr>\n", cells.concat())
        };
        let head = row("th", &mut self.columns.iter().map(|(name, _)| name.as_str()));
        let rows: Vec<String> =
            self.rows.iter().map(|cells| row("td", &mut cells.iter().map(String::as_str))).collect();
        format!("<table>\n<thead>{head}</thead>\n<tbody>\n{}</tbody>\n</table>\n", rows.concat())
    }

    pub(super) fn to_csv(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| csv_field(name)).collect();
        let mut text = names.join(",") + "\n";
        for cells in &self.rows {
            let cells: Vec<String> = cells
                .iter()
                .zip(&self.columns)
                .map(|(cell, (_, align))| match align {
                    // Thousands are apart for people, not for programs.
                    Align::Right => csv_field(&cell.replace(',', "")),
                    Align::Left => csv_field(cell),
                })
                .collect();
            text += &(cells.join(",") + "\n");
        }
        text
    }
}

/// Returns text as it stands in a cell: on one line, and nothing in it is read as Markdown. Underlines in words are safe.
fn markdown_cell(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '|' | '\\' | '`' | '<' | '*' | '[' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
        escaped
    })
}

/// Quotes a field where it must be (RFC 4180).
fn csv_field(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
