/** A listing in the words of other catalogues: the door of this module for whoever prints them. */
export { croissantOf, type DescribedListing } from './croissant.js';
export { dcatOf } from './dcat.js';
