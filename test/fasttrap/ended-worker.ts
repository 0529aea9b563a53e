// A thread that is ended while it defines a provider.
import { provider } from 'sonde';

provider('ended', { probe: [] });
