/** The settings of the network in words, and what changing them means. Pure; tested. */

export interface NetworkField {
  name: string
  label: string
  /** What a change means for those who use the server. */
  means: string
  placeholder: string
}

export const GROUPS: { title: string; fields: NetworkField[] }[] = [
  {
    title: 'Where it listens',
    fields: [
      {
        name: 'server.host',
        label: 'Address',
        means:
          '127.0.0.1 is this machine only. 0.0.0.0 opens the server to every network that this machine is in.',
        placeholder: '127.0.0.1',
      },
      {
        name: 'server.port',
        label: 'Port',
        means: 'Programs and bookmarks with the old port stop working. 0 takes any free one.',
        placeholder: '5005',
      },
    ],
  },
  {
    title: 'Who may call it',
    fields: [
      {
        name: 'server.allowed_hosts',
        label: 'Allowed hosts',
        means:
          'Names under which it may be called, beside those of this machine, such as ml.example.org. Requests for others are refused: a page elsewhere cannot pose as this server.',
        placeholder: 'ml.example.org, *.lab',
      },
      {
        name: 'server.cors_allowed_origins',
        label: 'CORS origins',
        means:
          'Web pages of these origins may call it in the name of whoever is signed in. Name only those that you trust as you trust this window.',
        placeholder: 'http://localhost:5173',
      },
      {
        name: 'mail.public_url',
        label: 'Public address',
        means: 'Links in mail begin with it. Empty: the address that it listens on.',
        placeholder: 'https://ml.example.org',
      },
    ],
  },
  {
    title: 'TLS',
    fields: [
      {
        name: 'server.tls_certificate',
        label: 'Certificate',
        means:
          'A PEM file on the server’s machine. With it the network hears only https; programs of this machine may go on without.',
        placeholder: '/etc/ssl/ml.example.org.pem',
      },
      {
        name: 'server.tls_key',
        label: 'Private key',
        means: 'The PEM file that belongs to the certificate. It is checked before it is kept.',
        placeholder: '/etc/ssl/private/ml.example.org.key',
      },
    ],
  },
]

const LOOPBACK = new Set(['', '127.0.0.1', 'localhost', '::1', '[::1]'])

/** What somebody should know before the server is opened to a network; nothing when it is not. */
export function warningOf(values: Readonly<Record<string, string>>): string | undefined {
  if (LOOPBACK.has(values['server.host']?.trim() ?? '')) return undefined
  if (values['server.tls_certificate']?.trim() && values['server.tls_key']?.trim()) return undefined
  return 'Without a certificate passwords and tokens cross the network readable by others.'
}

/** Only what differs; an empty field goes back to its default. */
export function changesOf(
  before: readonly { name: string; value: string }[],
  after: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const changed = before.filter(({ name, value }) => (after[name] ?? value).trim() !== value)
  return Object.fromEntries(changed.map(({ name }) => [name, after[name]?.trim() || null]))
}
