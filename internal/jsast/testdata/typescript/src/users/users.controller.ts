import { Router, Request, Response } from 'express';

function wrap<T extends unknown[]>(fn: (...args: T) => Promise<unknown>): (...args: T) => Promise<unknown> {
  return (...args: T) => fn(...args);
}

export abstract class Controller<T> {
  abstract readonly path: string;
  protected cache: Map<string, Array<T>> = new Map<string, Array<T>>();
}

export class UsersController {
  public path = '/users';
  public router: Router = Router();
  static count: number = 0;

  constructor() {
    this.routes();
  }

  private routes() {
    this.router.get(`${this.path}`, wrap(this.list));
    this.router.route('/:id').get(this.show).delete(this.show);
  }

  list = async (req: Request<{}, {}, { name: string }>, res: Response) => {
    const limit = req.query.limit! as string;
    return res.json({ limit: limit ? Number(limit) : 10, ok: true });
  };

  async show({ params }: Request, res: Response): Promise<any> {
    try {
      return res.json(params.id);
    } catch (e: unknown) {
      if (e instanceof Error && (e as Error).message) return res.status(500).end();
    }
  }
}
