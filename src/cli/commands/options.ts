import { InvalidArgumentError } from 'commander';

/** For options that may be given more than once. */
export function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

/** A whole number within limits. @throws InvalidArgumentError, which commander prints with the option's name */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  };
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Give a number above zero.');
}

/** A number above zero and at most one. */
export function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Give a number above 0, at most 1.');
}
