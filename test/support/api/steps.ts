import type { LocalAccount } from 'viem';
import type { Order } from '../../../src/kernel/index.js';
import { ask, bearer, get, signIn, type Answer } from './client.js';
import { makeLicence, makeListing, makeOrder, newAccount, type ListingChange, type MadeListing } from './story.js';
import type { TestApi } from './test-api.js';

export const LIST = 'mutation ($input: ListDatasetInput!) { listDataset(input: $input) { id logIndex priceWei } }';
export const ISSUE = 'mutation ($input: IssueLicenceInput!) { issueLicence(input: $input) { id logIndex buyer } }';
export const SUBMIT = 'mutation ($input: SubmitJobInput!) { submitJob(input: $input) { id state buyer } }';

export interface Party {
  account: LocalAccount;
  token: string;
}

export async function signedIn(api: TestApi): Promise<Party> {
  const account = newAccount();
  return { account, token: await signIn(api, account) };
}

/** Registers the offer on the (fake) chain and lists the dataset. */
export async function listed(api: TestApi, seller: Party, change: ListingChange = {}): Promise<MadeListing> {
  const listing = await makeListing(api.network, seller.account, change);
  api.chain.register(listing.keyId, listing.offer);
  await get(api, 'listDataset', LIST, { input: listing.input }, seller.token);
  return listing;
}

export async function licensed(api: TestApi, buyer: Party, listing: MadeListing) {
  const licence = await makeLicence(api.network, buyer.account, listing);
  await get(api, 'issueLicence', ISSUE, { input: licence.input }, buyer.token);
  return licence;
}

export async function putBlob(api: TestApi, digest: string, bytes: Uint8Array, token?: string): Promise<Response> {
  return fetch(`${api.url}/blobs/sha256/${digest}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', ...bearer(token) },
    body: new Uint8Array(bytes),
  });
}

/** Everything that comes before `submitJob`: listing, licence, escrow, and the model's two files. */
export async function readyToSubmit(api: TestApi) {
  const [seller, buyer] = [await signedIn(api), await signedIn(api)];
  const listing = await listed(api, seller);
  const licence = await licensed(api, buyer, listing);
  const made = await makeOrder(api.network, buyer.account, listing, licence);
  const orderId = api.chain.open(made.order, listing.offer);
  await putBlob(api, made.model.declaration.graph, made.model.graph, buyer.token);
  await putBlob(api, made.model.declaration.weights, made.model.weights, buyer.token);
  return { seller, buyer, listing, licence, orderId, ...made };
}

export async function submit(api: TestApi, input: object, token?: string): Promise<Answer> {
  return ask(api, SUBMIT, { input }, token);
}

export type Ready = Awaited<ReturnType<typeof readyToSubmit>>;

/** One more paid order for the same dataset, model and buyer, with something changed before it is opened on chain. */
export async function paidOrder(api: TestApi, ready: Ready, change: Partial<Order> = {}, model = ready.model) {
  const made = await makeOrder(api.network, ready.buyer.account, ready.listing, ready.licence, change, model);
  return { ...made, orderId: api.chain.open(made.order, ready.listing.offer) };
}
