import { BlockList, isIP } from 'node:net';
import { invalid } from '@perennial/kernel';

/**
 * Addresses that are not the public internet, by the special-purpose registries of IANA (RFC 6890): a callback to one
 * of them would let a client speak through us with what lies beside us.
 */
const special4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/** Of IPv6 only 2000::/3 is public; these lie within it and are not, or lead to an IPv4 address of any kind. */
const special6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const blocked = new BlockList();
for (const range of special4) add(range, 'ipv4');
for (const range of special6) add(range, 'ipv6');
const global6 = new BlockList();
global6.addSubnet('2000::', 3, 'ipv6');

function add(range: string, family: 'ipv4' | 'ipv6'): void {
  const [net = '', bits = ''] = range.split('/');
  blocked.addSubnet(net, Number(bits), family);
}

/** Whether an address is of the public internet. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !blocked.check(address, 'ipv4');
  return family === 6 && global6.check(address, 'ipv6') && !blocked.check(address, 'ipv6');
}

/**
 * Checks what can be said of a callback's URL before it is resolved; what its name resolves to is checked when it is
 * connected to.
 *
 * @throws PlatformError CALLBACK_INVALID
 */
export function checkCallbackUrl(text: string, { allowPrivate }: { allowPrivate: boolean }): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || text.length > 2_000) throw wrong('must be a URL of at most 2,000 characters');
  if (url.username !== '' || url.password !== '')
    throw wrong('must hold no name or password; the signature says who we are');
  if (url.hash !== '') throw wrong('must hold no fragment: nothing sends it');
  const isAllowed = url.protocol === 'https:' || (allowPrivate && url.protocol === 'http:');
  if (!isAllowed) throw wrong('must begin with https://');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!allowPrivate && isIP(host) !== 0 && !isPublicAddress(host))
    throw wrong('must lead to a public address; private ones need PERENNIAL_CALLBACK_ALLOW_PRIVATE');
  return url.href;
}

function wrong(message: string) {
  return invalid('CALLBACK_INVALID', `callback.url ${message}`, { field: 'callback.url' });
}
