// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title Test USDFC
/// @notice Stands where USDFC stands on Filecoin, on chains that have none: 18 decimals, EIP-2612, minted by its deployer.
contract UsdfcToken is ERC20, ERC20Permit {
    /// @notice Only the deployer mints.
    error NotTheMinter(address caller);

    /// @notice Who may mint.
    address public immutable minter;

    constructor() ERC20("USD for Filecoin Community", "USDFC") ERC20Permit("USD for Filecoin Community") {
        minter = msg.sender;
    }

    /// @notice Makes `amount` units out of nothing for `to`.
    function mint(address to, uint256 amount) external {
        if (msg.sender != minter) revert NotTheMinter(msg.sender);
        _mint(to, amount);
    }

    /// @notice Version in the EIP-712 domain that `permit` is signed in; wallets and SDKs ask for it.
    function version() external pure returns (string memory) {
        return "1";
    }
}
