// Real: everything. One devnet, on which each story has datasets of its own; the stories say what they use.
import { afterAll, beforeAll } from 'vitest';
import { startMarket, stopMarket } from './market.js';
import './python-client.js';
import './revocation.js';

beforeAll(startMarket, 600_000);
afterAll(stopMarket, 60_000);
