variable "name" {
  description = "Name of this deployment; begins the names of everything that is made."
  type        = string
  default     = "strongroom"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}$", var.name))
    error_message = "name must be 2 to 19 lower-case letters, digits and dashes, a letter first."
  }
}

variable "vpc_id" {
  description = "VPC with DNS support and DNS host names. The KMS endpoint's private name and policy hold for all of it: give Strongroom a VPC of its own."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, one per zone, of the load balancer and the KMS endpoint. Replicas name one of them each."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name at least two subnets: one zone can fail."
  }
}

variable "route_table_ids" {
  description = "Route tables of those subnets, for the S3 gateway endpoint."
  type        = list(string)
}

variable "client_cidrs" {
  description = "Who may connect to the load balancer. No default: the whole internet has to be written out."
  type        = list(string)

  validation {
    condition     = length(var.client_cidrs) > 0 && alltrue([for cidr in var.client_cidrs : can(cidrhost(cidr, 0))])
    error_message = "client_cidrs must hold at least one range such as 10.0.0.0/16."
  }
}

variable "internal" {
  description = "Whether the load balancer has private addresses only."
  type        = bool
  default     = true
}

variable "certificate_arn" {
  description = "ACM certificate with which the load balancer ends TLS; null forwards TCP as it comes. TLS proves nothing about the enclave; browsers want it, and it hides sizes and times from the network."
  type        = string
  nullable    = true
}

variable "host_port" {
  description = "Port of strongroom-host on the instances."
  type        = number
  default     = 8080

  validation {
    condition     = var.host_port >= 1024 && var.host_port <= 65535
    error_message = "host_port must be 1024 to 65535: the host has no capability to bind lower ones."
  }
}

variable "ami_id" {
  description = "Amazon Linux 2023 for x86_64, pinned by its id."
  type        = string

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "ami_id must be an image id such as ami-0123456789abcdef0."
  }
}

variable "instance_type" {
  description = "Instance type with Nitro Enclaves: x86_64, at least 4 vCPUs, neither burstable nor bare metal. See docs/sizing.md."
  type        = string
  default     = "m6i.xlarge"

  validation {
    condition     = !can(regex("^t[0-9]|metal|^[a-z]+[0-9]+g|\\.(nano|micro|small|medium|large)$", var.instance_type))
    error_message = "instance_type must have enclaves: not burstable, bare metal, Graviton, or smaller than xlarge."
  }
}

variable "replicas" {
  description = "One instance each, by a name of your choice. A hand-over adds names with the new image and later drops the old ones; changing the image of a name replaces that instance. Empty until charter, key policy and files exist."
  type = map(object({
    subnet_id   = string
    host_sha256 = string
    eif_sha256  = string
  }))
  default = {}

  validation {
    condition = alltrue([for replica in values(var.replicas) :
      can(regex("^[0-9a-f]{64}$", replica.host_sha256)) && can(regex("^[0-9a-f]{64}$", replica.eif_sha256))
    ])
    error_message = "host_sha256 and eif_sha256 must be SHA-256 in 64 lower-case hexadecimal digits."
  }
}

variable "enclave_cpus" {
  description = "vCPUs of the enclave: whole cores, and at least one core stays with the instance."
  type        = number
  default     = 2

  validation {
    condition     = var.enclave_cpus >= 2 && var.enclave_cpus % 2 == 0
    error_message = "enclave_cpus must be even and at least 2: a core of x86_64 has two vCPUs and is given whole."
  }
}

variable "enclave_memory_mib" {
  description = "Memory of the enclave in MiB; see docs/sizing.md."
  type        = number
  default     = 4096

  validation {
    condition     = var.enclave_memory_mib >= 1024 && var.enclave_memory_mib % 1024 == 0
    error_message = "enclave_memory_mib must be a multiple of 1024, so that it fits pages of 1 GiB."
  }
}

variable "drain_delay_s" {
  description = "Seconds for which a host still listens after it said that it is not ready. Longer than the load balancer needs to notice: interval times threshold of the health check, 20 s."
  type        = number
  default     = 30

  validation {
    condition     = var.drain_delay_s >= 20 && var.drain_delay_s <= 300
    error_message = "drain_delay_s must be 20 to 300."
  }
}

variable "cors_origins" {
  description = "Origins whose pages may ask a host from a browser, such as https://app.example.com. Empty: no page of another origin."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^(\\*|https?://[a-z0-9.:\\[\\]_-]+)$", origin))])
    error_message = "cors_origins must be origins as browsers write them: http(s)://HOST[:PORT] in lower case, or *."
  }
}

variable "kms_key_arn" {
  description = "Key of the owner, where owner and operator have accounts of their own. Null: this module makes the key."
  type        = string
  default     = null
}

variable "kms_admin_arn" {
  description = "Role that administers the key which this module makes; the role that applies it, or the key is out of reach. Whoever has it can turn the key policy."
  type        = string
  default     = null
}

variable "kms_sealer_arn" {
  description = "Role that seals models with the key which this module makes."
  type        = string
  default     = null
}

variable "kms_key_policy_file" {
  description = "Key policy as `strongroom measure --kms-policy` prints it. Null: a policy under which nobody can decrypt, because the charter names the key and so the key comes first."
  type        = string
  default     = null
}

variable "session_manager" {
  description = "Whether operators get a shell on the instances by way of Session Manager. There is no other: no SSH key, no open port."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether the load balancer is protected against deletion."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of everything that is made."
  type        = map(string)
  default     = {}
}
