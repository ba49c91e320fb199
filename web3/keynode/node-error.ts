/**
 * Why a node gives no share, by the codes of Lit's nodes where Lit has one. The SDK passes on only the code and message
 * that most nodes gave, compared letter by letter: a message must not differ between nodes.
 */
const STATUS = {
  /** The chain does not allow it. */
  NodeAccessControlConditionsReturnedNotAuthorized: 401,
  /** The session signature is forged, expired, used before, or for another node. */
  NodeInvalidAuthSig: 401,
  /** The wallet's message does not delegate to this session. */
  NodeSIWEMessageError: 401,
  /** The session or the wallet's ReCap is for another resource. */
  NodeResourceIdNotFound: 401,
  /** Not the one condition that this node evaluates. */
  NodeInvalidAccessControlConditions: 400,
  NodeBadRequest: 400,
  NodeNotFound: 404,
  NodeRateLimitExceeded: 429,
  /** The node cannot read the chain. It still gives no share. */
  NodeRpcError: 502,
  NodeUnknownError: 500,
} as const;

export type NodeErrorCode = keyof typeof STATUS;

export class NodeError extends Error {
  readonly status: number;

  constructor(
    readonly errorCode: NodeErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'NodeError';
    this.status = STATUS[errorCode];
  }

  /** The body as lit-node-client reads it. */
  toBody() {
    const { errorCode, message, status } = this;
    return { errorCode, message, status, errorKind: 'Validation', details: [] };
  }
}
