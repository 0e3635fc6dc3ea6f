import { memoryAuthorizationCodes } from '../../adapters/store-memory/authorization-codes.ts';
import { memoryEntityStore } from '../../adapters/store-memory/entity-store.ts';
import { memoryGrants } from '../../adapters/store-memory/grants.ts';
import { behavesAsAuthorizationCodes } from './authorization-codes.ts';
import { behavesAsEntityStore } from './entity-store.ts';
import { behavesAsGrants } from './grants.ts';

behavesAsAuthorizationCodes('the memory store', memoryAuthorizationCodes);
behavesAsGrants('the memory store', memoryGrants);
behavesAsEntityStore('the memory store', memoryEntityStore);
