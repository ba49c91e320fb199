/** The SIWE domain of a session with the key nodes: a message signed for the marketplace's API opens no key. */
export const SIWE_DOMAIN = 'key-nodes.weighbridge';
