/**
 * What has to be typed before a customer is erased: the name; without one the
 * first number or address; without any the identifier.
 */
export function wordToType(customer: { id: string; name: string }, identities: { value: string }[]): string {
  return customer.name.trim() || identities[0]?.value || customer.id;
}

/** Whether it was typed. Keyboards differ in width and form of the same characters. */
export function isTyped(typed: string, word: string): boolean {
  const plain = (s: string) => s.normalize("NFKC").replace(/\s+/g, " ").trim();
  return plain(typed) !== "" && plain(typed) === plain(word);
}
