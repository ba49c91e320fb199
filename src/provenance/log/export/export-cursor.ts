import type { Pool } from 'pg';

/** How far each place is filled, in the log's database. */
export class ExportCursor {
  constructor(
    private readonly pool: Pool,
    /** `TileStorage.name`. */
    private readonly place: string,
  ) {}

  /** Entry bundles that are there, all of them from the first on. */
  async read(): Promise<number> {
    const { rows } = await this.pool.query<{ bundles: string }>('SELECT bundles FROM tlog.exports WHERE place = $1', [
      this.place,
    ]);
    return Number(rows[0]?.bundles ?? 0);
  }

  async move(bundles: number): Promise<void> {
    await this.pool.query(
      'INSERT INTO tlog.exports (place, bundles) VALUES ($1, $2) ON CONFLICT (place) DO UPDATE SET bundles = $2',
      [this.place, bundles],
    );
  }
}
