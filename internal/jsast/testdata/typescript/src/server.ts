import 'reflect-metadata';
import express, { type Express, Application, NextFunction, Request, Response } from 'express';
import type { Server } from 'http';
import { config } from './config';
import { UsersController } from './users/users.controller';
import { ordersRouter } from './orders';

interface Route<T = unknown> {
  path: string;
  handler?: (req: Request, res: Response) => Promise<T>;
}

type Handler = (req: Request, res: Response, next?: NextFunction) => void | Promise<void>;

export enum Mode {
  Plain = 'plain',
  Secure = 'secure',
}

export class App {
  public readonly app: Application;
  private port: number | string = process.env.PORT || config.port;
  private server?: Server;

  constructor(private readonly controllers: UsersController[], protected prefix: string = '/api') {
    this.app = express() as Express;
    this.middleware();
    controllers.forEach((c: UsersController): void => {
      this.app.use(prefix + c.path, c.router);
    });
    this.app.use('/orders', ordersRouter);
    this.app.get('/health', this.health);
    this.app.use(this.onError);
  }

  private middleware(): void {
    this.app.use(express.json());
  }

  private health = async (_req: Request, res: Response): Promise<void> => {
    const body: Record<string, Array<number>> = { loads: [1, 2] };
    res.json(body as unknown as object);
  };

  private onError(err: Error & { status?: number }, req: Request, res: Response, next: NextFunction) {
    res.status(err.status ?? 500).json({ error: 'failed' });
  }

  public listen(): void {
    this.server = this.app.listen(this.port, () => {
      console.log(`listening on ${this.port}`);
    });
  }
}

const server = new App([new UsersController()]);
server.listen();
export default server.app;
