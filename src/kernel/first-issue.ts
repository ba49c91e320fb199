import { z } from 'zod';

/** The first complaint of a schema as "field.name: what". */
export function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'it does not fit the schema';
  const where = issue.path.join('.');
  return where === '' ? issue.message : `${where}: ${issue.message}`;
}

/** What was thrown, in one line: the message of a schema's error is a list of all complaints, as JSON. */
export function messageOf(error: unknown): string {
  if (error instanceof z.ZodError) return firstIssue(error);
  return error instanceof Error ? error.message : String(error);
}
