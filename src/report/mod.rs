//! Results to text: a command builds one [`Document`], which renders to every format.

pub(crate) mod bench;
pub(crate) mod explain;
pub(crate) mod index;
pub(crate) mod seed;
mod style;
mod table;

use std::path::Path;

use serde_json::Value;

pub(crate) use style::Style;
pub(crate) use table::{Align, Table};

/// The version of every JSON document; it rises when a key changes its meaning or goes away.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The format of a command's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
    Markdown,
    Csv,
    Sql,
}

impl Format {
    /// Returns the format that a file's ending stands for.
    pub(crate) fn from_path(path: &Path) -> Result<Self, String> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Ok(Self::Json),
            Some("md") => Ok(Self::Markdown),
            Some("csv") => Ok(Self::Csv),
            Some("sql") => Ok(Self::Sql),
            Some("txt") => Ok(Self::Text),
            _ => Err(format!(
                "cannot tell the format of output file {:?} from its ending; known are .json .md .csv .sql .txt",
                path.display()
            )),
        }
    }
}

/// A command's whole result, before it has a format.
pub(crate) struct Document {
    blocks: Vec<Block>,
    json: Value,
    sql: Option<String>,
    csv: Option<Table>,
}

enum Block {
    Heading(String),
    Text(String),
    Table(Table),
}

impl Document {
    /// Starts a document from its JSON form.
    pub(crate) fn new(json: Value) -> Self {
        Self { blocks: Vec::new(), json, sql: None, csv: None }
    }

    #[must_use]
    pub(crate) fn heading(mut self, heading: impl Into<String>) -> Self {
        self.blocks.push(Block::Heading(heading.into()));
        self
    }

    /// Adds text that is already laid out, line by line.
    #[must_use]
    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Text(text.into()));
        self
    }

    #[must_use]
    pub(crate) fn table(mut self, table: Table) -> Self {
        self.blocks.push(Block::Table(table));
        self
    }

    /// Adds the SQL script that the result stands for.
    #[must_use]
    pub(crate) fn sql(mut self, sql: String) -> Self {
        self.sql = Some(sql);
        self
    }

    /// Adds the table for CSV, where the text has none.
    #[must_use]
    pub(crate) fn csv(mut self, table: Table) -> Self {
        self.csv = Some(table);
        self
    }

    /// Appends the blocks of another document.
    #[must_use]
    pub(crate) fn append(mut self, other: Document) -> Self {
        self.blocks.extend(other.blocks);
        self
    }

    /// Returns the document in `format`, or what this document lacks for it.
    pub(crate) fn render(&self, format: Format, style: &Style) -> Result<String, String> {
        match format {
            Format::Json => {
                let mut text = serde_json::to_string_pretty(&self.json).map_err(|error| error.to_string())?;
                text.push('\n');
                Ok(text)
            }
            Format::Sql => {
                self.sql.clone().ok_or_else(|| "this command has no SQL form; use .json or .md".to_owned())
            }
            Format::Csv => self
                .csv
                .iter()
                .chain(self.blocks.iter().filter_map(|block| match block {
                    Block::Table(table) => Some(table),
                    _ => None,
                }))
                .next()
                .map(Table::to_csv)
                .ok_or_else(|| "this command has no CSV form; use .json or .md".to_owned()),
            Format::Markdown => Ok(self.join(|block| match block {
                Block::Heading(heading) => format!("## {heading}\n"),
                Block::Text(text) => format!("```text\n{}\n```\n", text.trim_end()),
                Block::Table(table) => table.to_markdown(),
            })),
            Format::Text => Ok(self.join(|block| match block {
                Block::Heading(heading) => format!("{}\n", style.bold(heading)),
                Block::Text(text) => format!("{}\n", text.trim_end()),
                Block::Table(table) => table.to_text(style),
            })),
        }
    }

    /// Joins the blocks with blank lines between them; a heading stays with what follows it.
    fn join(&self, render: impl Fn(&Block) -> String) -> String {
        let mut text = String::new();
        for (i, block) in self.blocks.iter().enumerate() {
            if i > 0 && !matches!(self.blocks[i - 1], Block::Heading(_)) {
                text.push('\n');
            }
            text.push_str(&render(block));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Document {
        let mut table = Table::new([("table", Align::Left), ("rows", Align::Right)]);
        table.row(["users", "100"]);
        table.row(["a|b", "5"]);
        Document::new(json!({"schema_version": 1})).heading("Rows").table(table).text("done")
    }

    fn check(format: Format, expected: &str) {
        assert_eq!(document().render(format, &Style::plain()).unwrap(), expected);
    }

    #[test]
    fn renders_text() {
        check(Format::Text, "Rows\ntable  rows\nusers   100\na|b       5\n\ndone\n");
    }

    #[test]
    fn renders_markdown_with_escaped_bars() {
        check(
            Format::Markdown,
            "## Rows\n| table | rows |\n| --- | ---: |\n| users | 100 |\n| a\\|b | 5 |\n\n```text\ndone\n```\n",
        );
    }

    #[test]
    fn renders_csv() {
        check(Format::Csv, "table,rows\nusers,100\na|b,5\n");
    }

    #[test]
    fn refuses_a_format_the_document_lacks() {
        assert!(document().render(Format::Sql, &Style::plain()).is_err());
        assert!(Format::from_path(Path::new("x.pdf")).is_err());
    }
}
