import { isWeighbridgeError, WeighbridgeError, type ErrorCode } from '../kernel/index.js';

/** Refusals of Fastify and Mercurius that are the caller's doing, or a time-out, and what they are called here. */
const FAULTS: Readonly<Record<string, { code: ErrorCode; next: string }>> = {
  MER_ERR_GQL_VALIDATION: { code: 'BAD_INPUT', next: 'Compare the query with the schema.' },
  MER_ERR_GQL_QUERY_DEPTH: { code: 'TOO_LARGE', next: 'Ask for fewer levels at a time.' },
  MER_ERR_GQL_PERSISTED_QUERY_NOT_FOUND: { code: 'BAD_INPUT', next: 'Send a query.' },
  MER_ERR_METHOD_NOT_ALLOWED: { code: 'BAD_INPUT', next: 'Send mutations by POST.' },
  FST_ERR_VALIDATION: { code: 'BAD_INPUT', next: 'Send query, variables and operationName as GraphQL over HTTP says.' },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'TOO_LARGE', next: 'Send large bytes as blobs.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'BAD_INPUT', next: 'Send a JSON body.' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'BAD_INPUT', next: 'Send a JSON body.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { code: 'BAD_INPUT', next: 'Send as many bytes as content-length says.' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'BAD_INPUT',
    next: 'Send application/json, or application/octet-stream for blobs.',
  },
  FST_ERR_HANDLER_TIMEOUT: { code: 'TIMEOUT', next: 'Ask for less at a time, or try again later.' },
};

/** What a library refused, in our words; undefined if it is none of these. */
export function libraryFault(error: unknown): WeighbridgeError | undefined {
  if (isWeighbridgeError(error)) return undefined;
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  const known = FAULTS[code ?? ''];
  return known && new WeighbridgeError(known.code, message ?? known.code, { next: known.next });
}
