import express, { Application, NextFunction, Request, Response } from 'express';
import { config } from './config';
class Server {
  private app: Application = express();
  constructor() {
    this.routes();
    this.app.use(errorMiddleware);
  }
  private routes(): void {
    this.app.get('/', (req: Request, res: Response) => { res.send('home'); });
  }
}
const errorMiddleware = (err: Error, req: Request, res: Response, next: NextFunction) => {
  const response = { code: 500, message: err.message, ...(config.env === 'development' && { stack: err.stack }) };
  res.status(500).send(response);
};
new Server();
