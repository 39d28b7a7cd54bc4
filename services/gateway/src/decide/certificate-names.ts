import type { PeerCertificate } from 'node:tls';

/** The names that a checked client certificate gives: its common name, DNS names and URIs. */
export function certificateNames({ subject, subjectaltname }: PeerCertificate): string[] {
  const common: string | string[] | undefined = subject?.CN;
  const names = common === undefined ? [] : [common].flat();
  // `DNS:edge.example, URI:spiffe://example/edge`. A name that could break out of its place is written in quotes: then
  // none of them is taken.
  if (!subjectaltname || subjectaltname.includes('"')) return names;
  for (const entry of subjectaltname.split(', ')) {
    const match = /^(?:DNS|URI):(\S+)$/.exec(entry);
    if (match?.[1]) names.push(match[1]);
  }
  return names;
}
