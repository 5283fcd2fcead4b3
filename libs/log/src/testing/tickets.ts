import type { TaskLog } from '../task-log.js';
import type { Ticket } from '../ticket.js';

/** Pulls everything from a queue and acknowledges it; the array fills as it comes. */
export function collectTickets(log: TaskLog, ...queues: string[]): Ticket[] {
  const tickets: Ticket[] = [];
  log.pull({
    queues,
    free: () => 100,
    onTicket: (ticket) => {
      tickets.push(ticket);
      ticket.ack();
    },
  });
  return tickets;
}
