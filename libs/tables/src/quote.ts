/** `"name"`, safe for any name. DuckDB compares identifiers without case. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `'text'`, safe for any text. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
