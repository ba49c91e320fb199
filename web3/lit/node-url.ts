/** An IPv4 address as the staking contract keeps it. */
export function ipv4ToNumber(address: string): number {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) {
    throw new TypeError(`"${address}" is not an IPv4 address`);
  }
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

/** `host:port`, as a session names the node it is for. */
export function nodeHost({ ip, port }: { ip: number; port: number }): string {
  const octets = [24, 16, 8, 0].map((shift) => (ip >>> shift) & 0xff);
  return `${octets.join('.')}:${port}`;
}

/** The URL that lit-node-client makes of a node's entry: TLS on port 443 and nowhere else. */
export function nodeUrl(node: { ip: number; port: number }): string {
  return `${node.port === 443 ? 'https' : 'http'}://${nodeHost(node)}`;
}
